// SPDX-License-Identifier: Apache-2.0
package kith.peers;

/**
 * A cache of byte arrays by strings. Thread-safe. One class of a program implements it, so that the
 * compiler of the virtual machine makes its calls direct.
 */
interface Peer {
  /** Makes a cache of at most so many entries. */
  interface Opener {
    Peer open(int entries);
  }

  /** The value, or null. */
  byte[] get(String key);

  /** Hands both over. */
  void put(String key, byte[] value);

  /** Does what the cache has put off. */
  void settle();

  long entries();
}
