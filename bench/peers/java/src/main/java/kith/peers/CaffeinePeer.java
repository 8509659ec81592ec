// SPDX-License-Identifier: Apache-2.0
package kith.peers;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;

/** Caffeine as it comes. */
final class CaffeinePeer implements Peer {
  private final Cache<String, byte[]> cache;

  private CaffeinePeer(int entries) {
    cache = Caffeine.newBuilder().maximumSize(entries).build();
  }

  @Override
  public byte[] get(String key) {
    return cache.getIfPresent(key);
  }

  @Override
  public void put(String key, byte[] value) {
    cache.put(key, value);
  }

  @Override
  public void settle() {
    cache.cleanUp();
  }

  @Override
  public long entries() {
    return cache.estimatedSize();
  }

  public static void main(String[] arguments) throws Exception {
    Harness.run(CaffeinePeer::new, arguments);
  }
}
