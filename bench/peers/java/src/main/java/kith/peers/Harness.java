// SPDX-License-Identifier: Apache-2.0
package kith.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What every Java program of the comparison does with its cache. The same, in the same order, as
 * cpp/harness.h, but for more warm-up, in which the virtual machine compiles. README.md says what
 * is measured.
 */
final class Harness {
  private static final int WARM_PASSES = 10;
  private static final int CHUNK = 10_000;
  private static final int SETTLE_EVERY = 100;
  private static final int MAX_THREADS = 64;

  private final Peer.Opener opener;
  private final Workload workload;

  private Harness(Peer.Opener opener, Workload workload) {
    this.opener = opener;
    this.workload = workload;
  }

  /** What a peer's main does. */
  static void run(Peer.Opener opener, String[] arguments) throws Exception {
    int threads = threadsOf(arguments);
    if (threads < 1) {
      System.err.println("usage: PROGRAM hit|insert|ratio|memory DIRECTORY [THREADS]");
      System.exit(2);
    }
    try {
      new Harness(opener, new Workload(arguments[1])).measure(arguments[0], threads);
    } catch (Exception e) {
      System.err.println("error: " + e);
      System.exit(1);
    }
  }

  private static int threadsOf(String[] arguments) {
    if (arguments.length < 2 || arguments.length > 3) {
      return 0;
    }
    try {
      int threads = arguments.length == 3 ? Integer.parseInt(arguments[2]) : 1;
      return threads <= MAX_THREADS ? threads : 0;
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private void measure(String mode, int threads) throws Exception {
    switch (mode) {
      case "hit" -> measureHits(threads);
      case "insert" -> measureInserts();
      case "ratio" -> {
        measureRatio("zipf", "ratio_zipf.u32");
        measureRatio("scan", "ratio_scan.u32");
      }
      case "memory" -> measureMemory();
      default -> throw new IOException("no such mode: " + mode);
    }
  }

  private void fill(Peer cache, int[] order) throws IOException {
    for (int n : order) {
      cache.put(workload.key(n), workload.value());
    }
    cache.settle();
    if (cache.entries() != Workload.POPULAR_KEYS) {
      throw new IOException("the cache did not keep all entries");
    }
  }

  /** Asks for each key; every one must be there with a value of the right length. */
  private static void walk(Peer cache, String[] keys, int from, int to) throws IOException {
    int right = 0;
    for (int at = from; at < to; at += CHUNK) {
      right += walkChunk(cache, keys, at, Math.min(at + CHUNK, to));
    }
    if (right != to - from) {
      throw new IOException("a hit missed, or had a value of another length");
    }
  }

  /** Called often, so that it is compiled as a whole. */
  private static int walkChunk(Peer cache, String[] keys, int from, int to) {
    int right = 0;
    for (int i = from; i < to; ++i) {
      byte[] value = cache.get(keys[i]);
      if (value != null && right(value)) {
        ++right;
      }
    }
    return right;
  }

  /** Checks the length and the first byte, so that a hit reads the value itself. */
  private static boolean right(byte[] value) {
    return value.length == Workload.VALUE_BYTES && value[0] == 'v';
  }

  private void measureHits(int threads) throws Exception {
    String[] warm = workload.draw("warm.u32");
    String[] hits = workload.draw("hit.u32");
    Peer cache = opener.open(Workload.AMPLE_ENTRIES);
    fill(cache, workload.numbers("fill.u32"));
    System.gc();

    int share = hits.length / threads;
    CyclicBarrier ready = new CyclicBarrier(threads);
    List<Callable<Moment[]>> workers = new ArrayList<>();
    for (int thread = 0; thread < threads; ++thread) {
      int from = thread * share;
      workers.add(
          () -> {
            for (int pass = 0; pass < WARM_PASSES; ++pass) {
              walk(cache, warm, 0, warm.length);
            }
            ready.await();
            Moment start = Moment.now();
            walk(cache, hits, from, from + share);
            return new Moment[] {start, Moment.now()};
          });
    }
    Moment span = spanOf(workers);
    long ops = (long) share * threads;
    System.out.printf(
        Locale.ROOT,
        "{\"mode\":\"hit\",\"threads\":%d,\"ns_per_op\":%.2f,\"cpu_ns_per_op\":%.2f,"
            + "\"mops_per_s\":%.3f,\"ops\":%d}%n",
        threads, (double) span.wall * threads / ops, (double) span.cpu / ops, ops * 1e3 / span.wall,
        ops);
  }

  /** When something happened, in nanoseconds; processor time is of all threads until then. */
  private record Moment(long wall, long cpu) {
    private static final OperatingSystemMXBean SYSTEM =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    static Moment now() {
      return new Moment(System.nanoTime(), SYSTEM.getProcessCpuTime());
    }
  }

  /** Runs all at once: what passed from the first start to the last end. */
  private static Moment spanOf(List<Callable<Moment[]>> workers) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(workers.size());
    List<Moment> starts = new ArrayList<>();
    List<Moment> ends = new ArrayList<>();
    try {
      for (Future<Moment[]> worker : pool.invokeAll(workers)) {
        starts.add(worker.get()[0]);
        ends.add(worker.get()[1]);
      }
    } finally {
      pool.shutdown();
    }
    return new Moment(
        ends.stream().mapToLong(Moment::wall).max().getAsLong()
            - starts.stream().mapToLong(Moment::wall).min().getAsLong(),
        ends.stream().mapToLong(Moment::cpu).max().getAsLong()
            - starts.stream().mapToLong(Moment::cpu).min().getAsLong());
  }

  private void insertSome(Peer cache, int from, int to) {
    for (int n = from; n < to; ++n) {
      cache.put(workload.key(n), workload.value());
    }
  }

  private void insertAll(Peer cache, int from, int to) {
    for (int at = from; at < to; at += CHUNK) {
      insertSome(cache, at, Math.min(at + CHUNK, to));
    }
    cache.settle();
  }

  private void measureInserts() {
    // All popular keys, for the compiler; the others need only enough to be full.
    Peer cache = opener.open(Workload.BOUNDED_ENTRIES);
    insertAll(cache, 0, Workload.POPULAR_KEYS);
    Moment start = Moment.now();
    insertAll(cache, Workload.POPULAR_KEYS, Workload.POPULAR_KEYS + Workload.ONCE_KEYS);
    Moment end = Moment.now();
    System.out.printf(
        Locale.ROOT,
        "{\"mode\":\"insert\",\"threads\":1,\"ns_per_op\":%.2f,\"cpu_ns_per_op\":%.2f,"
            + "\"ops\":%d,\"entries\":%d,\"dropped\":0}%n",
        (double) (end.wall - start.wall) / Workload.ONCE_KEYS,
        (double) (end.cpu - start.cpu) / Workload.ONCE_KEYS, Workload.ONCE_KEYS, cache.entries());
  }

  private void measureRatio(String trace, String file) throws IOException {
    Peer cache = opener.open(Workload.BOUNDED_ENTRIES);
    String[] keys = workload.draw(file);
    int hits = 0;
    for (int i = 0; i < keys.length; ++i) {
      byte[] value = cache.get(keys[i]);
      if (value == null) {
        cache.put(keys[i], workload.value());
      } else if (right(value)) {
        ++hits;
      } else {
        throw new IOException("a value has a wrong length");
      }
      if (i % SETTLE_EVERY == 0) {
        cache.settle();
      }
    }
    System.out.printf(
        Locale.ROOT,
        "{\"mode\":\"ratio\",\"trace\":\"%s\",\"hit_ratio\":%.5f,\"ops\":%d,\"entries\":%d}%n",
        trace, (double) hits / keys.length, keys.length, cache.entries());
  }

  /** What the heap holds after collections. */
  private static double heapBytes() throws InterruptedException {
    for (int i = 0; i < 3; ++i) {
      System.gc();
      Thread.sleep(100); // for the caches' own clean-up after a collection
    }
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  private static double residentBytes() throws IOException {
    String pages = Files.readString(Path.of("/proc/self/statm")).split(" ")[1];
    return 4096.0 * Long.parseLong(pages);
  }

  private void measureMemory() throws Exception {
    int[] order = workload.numbers("fill.u32");
    double heapBefore = heapBytes();
    double residentBefore = residentBytes();
    Peer cache = opener.open(Workload.AMPLE_ENTRIES);
    fill(cache, order);
    double heap = heapBytes() - heapBefore;
    double resident = residentBytes() - residentBefore;
    System.out.printf(
        Locale.ROOT,
        "{\"mode\":\"memory\",\"bytes_per_entry\":%.1f,\"rss_per_entry\":%.1f,\"entries\":%d,\"counted\":\"heap\"}%n",
        heap / Workload.POPULAR_KEYS, resident / Workload.POPULAR_KEYS, cache.entries());
    Reference.reachabilityFence(order);
    Reference.reachabilityFence(workload);
  }
}
