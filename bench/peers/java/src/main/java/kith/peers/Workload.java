// SPDX-License-Identifier: Apache-2.0
package kith.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory with the files that all programs read. */
final class Workload {
  static final int KEY_BYTES = 16;
  static final int VALUE_BYTES = 100;
  static final int POPULAR_KEYS = 1_000_000;
  static final int ONCE_KEYS = 1_000_000;
  static final int BOUNDED_ENTRIES = 100_000;
  static final int AMPLE_ENTRIES = 1_250_000;

  private final Path directory;
  private final byte[] keys;
  private final byte[] value;

  Workload(String directory) throws IOException {
    this.directory = Path.of(directory);
    keys = read("keys.bin");
    if (keys.length != (POPULAR_KEYS + ONCE_KEYS) * KEY_BYTES) {
      throw new IOException("keys.bin has a wrong size");
    }
    value = read("value.bin");
    if (value.length != VALUE_BYTES) {
      throw new IOException("value.bin has a wrong size");
    }
  }

  /** A new string of the nth key; its hash is not computed yet. */
  String key(int n) {
    return new String(keys, n * KEY_BYTES, KEY_BYTES, StandardCharsets.ISO_8859_1);
  }

  /** A new array of the value. */
  byte[] value() {
    return value.clone();
  }

  /** The numbers of the keys of a file of draws. */
  int[] numbers(String file) throws IOException {
    IntBuffer buffer = ByteBuffer.wrap(read(file)).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    int[] numbers = new int[buffer.remaining()];
    buffer.get(numbers);
    for (int n : numbers) {
      if (n < 0 || n >= POPULAR_KEYS + ONCE_KEYS) {
        throw new IOException(file + " names a key that is not there");
      }
    }
    if (numbers.length == 0) {
      throw new IOException(file + " is empty");
    }
    return numbers;
  }

  /** The keys of a file of draws in their order, each a string of its own, made in that order. */
  String[] draw(String file) throws IOException {
    int[] numbers = numbers(file);
    String[] drawn = new String[numbers.length];
    for (int i = 0; i < drawn.length; ++i) {
      drawn[i] = key(numbers[i]);
    }
    return drawn;
  }

  private byte[] read(String file) throws IOException {
    return Files.readAllBytes(directory.resolve(file));
  }
}
