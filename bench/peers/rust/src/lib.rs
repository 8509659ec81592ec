// SPDX-License-Identifier: Apache-2.0
//! What every Rust program of the comparison does with its cache. The same, in the same order, as
//! ../cpp/harness.h; ../README.md says what is measured.

use std::process::exit;
use std::sync::Barrier;
use std::time::Instant;

pub const KEY_BYTES: usize = 16;
pub const VALUE_BYTES: usize = 100;
const POPULAR_KEYS: usize = 1_000_000;
const ONCE_KEYS: usize = 1_000_000;
const BOUNDED_ENTRIES: usize = 100_000;
const AMPLE_ENTRIES: usize = 1_250_000;
const WARM_PASSES: usize = 3;
const MAX_THREADS: usize = 64;

pub type Key = [u8; KEY_BYTES];

/// A cache of byte strings under comparison.
pub trait Peer: Sync {
    /// Holds at most this many entries.
    fn open(entries: usize) -> Self;
    /// Copies both.
    fn put(&self, key: &Key, value: &[u8]);
    /// `checked_len` of the value, read through a handle that outlives the cache's own call.
    fn get(&self, key: &Key) -> Option<usize>;
    /// Does what the cache has put off.
    fn settle(&self);
    fn entries(&self) -> u64;
}

/// The length of a value of which the first byte is right, else 0: a hit reads the value itself.
#[inline]
pub fn checked_len(value: &[u8]) -> usize {
    match value.first() {
        Some(b'v') => value.len(),
        _ => 0,
    }
}

/// Ends the program with a message.
pub fn die(why: &str) -> ! {
    eprintln!("error: {why}");
    exit(1)
}

/// The directory with the files that all programs read.
struct Workload {
    directory: String,
    keys: Vec<Key>,
    value: Vec<u8>,
}

impl Workload {
    fn open(directory: &str) -> Self {
        let bytes = read(directory, "keys.bin");
        if bytes.len() != (POPULAR_KEYS + ONCE_KEYS) * KEY_BYTES {
            die("keys.bin has a wrong size");
        }
        let value = read(directory, "value.bin");
        if value.len() != VALUE_BYTES {
            die("value.bin has a wrong size");
        }
        let keys = bytes
            .chunks_exact(KEY_BYTES)
            .map(|chunk| chunk.try_into().expect("a chunk is a key"))
            .collect();
        Workload { directory: directory.to_string(), keys, value }
    }

    /// The keys of a file of draws in their order, so that reading them costs no cache misses.
    fn draw(&self, file: &str) -> Vec<Key> {
        let bytes = read(&self.directory, file);
        if bytes.is_empty() || bytes.len() % 4 != 0 {
            die(&format!("{file} has a wrong size"));
        }
        bytes.chunks_exact(4).map(|chunk| self.key_at(file, chunk)).collect()
    }

    fn key_at(&self, file: &str, chunk: &[u8]) -> Key {
        let n = u32::from_le_bytes(chunk.try_into().expect("a chunk is a number")) as usize;
        match self.keys.get(n) {
            Some(key) => *key,
            None => die(&format!("{file} names a key that is not there")),
        }
    }
}

fn read(directory: &str, file: &str) -> Vec<u8> {
    let path = format!("{directory}/{file}");
    std::fs::read(&path).unwrap_or_else(|error| die(&format!("cannot read {path}: {error}")))
}

/// Memory of this process that is in RAM.
fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    match text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()) {
        Some(pages) => pages * PAGE_BYTES,
        None => die("cannot read /proc/self/statm"),
    }
}

/// Processor time of all threads so far, in nanoseconds.
fn cpu_ns() -> u64 {
    const TICK_NS: u64 = 10_000_000; // 100 ticks a second, on every Linux
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let numbers = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Fields 14 and 15, user and system; the name in brackets is the second.
    let ticks: Vec<u64> = numbers.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() != 2 {
        die("cannot read /proc/self/stat");
    }
    (ticks[0] + ticks[1]) * TICK_NS
}

/// When something happened.
struct Moment {
    wall: Instant,
    cpu: u64,
}

impl Moment {
    fn now() -> Self {
        Moment { wall: Instant::now(), cpu: cpu_ns() }
    }
}

/// Wall and processor time from the first start to the last end, in nanoseconds.
fn span(times: &[(Moment, Moment)]) -> (f64, f64) {
    let start = times.iter().map(|time| time.0.wall).min().expect("there is a worker");
    let end = times.iter().map(|time| time.1.wall).max().expect("there is a worker");
    let cpu_start = times.iter().map(|time| time.0.cpu).min().expect("there is a worker");
    let cpu_end = times.iter().map(|time| time.1.cpu).max().expect("there is a worker");
    (end.duration_since(start).as_nanos() as f64, (cpu_end - cpu_start) as f64)
}

fn fill<P: Peer>(cache: &P, keys: &[Key], value: &[u8]) {
    for key in keys {
        cache.put(key, value);
    }
    cache.settle();
    if cache.entries() != POPULAR_KEYS as u64 {
        die("the cache did not keep all entries");
    }
}

/// Asks for each key; every one must be there with a value of the right length.
fn walk<P: Peer>(cache: &P, keys: &[Key]) {
    let right = keys.iter().filter(|key| cache.get(key) == Some(VALUE_BYTES)).count();
    if right != keys.len() {
        die("a hit missed, or had a value of another length");
    }
}

fn measure_hits<P: Peer>(workload: &Workload, threads: usize) {
    let warm = workload.draw("warm.u32");
    let hits = workload.draw("hit.u32");
    let cache = P::open(AMPLE_ENTRIES);
    fill(&cache, &workload.draw("fill.u32"), &workload.value);

    let share = hits.len() / threads;
    let ready = Barrier::new(threads);
    let timed = |part: &[Key]| {
        (0..WARM_PASSES).for_each(|_| walk(&cache, &warm));
        ready.wait();
        let start = Moment::now();
        walk(&cache, part);
        (start, Moment::now())
    };
    let times: Vec<(Moment, Moment)> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            hits.chunks_exact(share).take(threads).map(|part| scope.spawn(|| timed(part))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker ends")).collect()
    });
    let (wall, cpu) = span(&times);
    let ops = (share * threads) as f64;
    println!(
        "{{\"mode\":\"hit\",\"threads\":{threads},\"ns_per_op\":{:.2},\"cpu_ns_per_op\":{:.2},\"mops_per_s\":{:.3},\"ops\":{ops}}}",
        wall * threads as f64 / ops,
        cpu / ops,
        ops * 1e3 / wall
    );
}

fn measure_inserts<P: Peer>(workload: &Workload) {
    let cache = P::open(BOUNDED_ENTRIES);
    for key in &workload.keys[..2 * BOUNDED_ENTRIES] {
        cache.put(key, &workload.value);
    }
    cache.settle();
    let start = Moment::now();
    for key in &workload.keys[POPULAR_KEYS..] {
        cache.put(key, &workload.value);
    }
    cache.settle();
    let (wall, cpu) = span(&[(start, Moment::now())]);
    println!(
        "{{\"mode\":\"insert\",\"threads\":1,\"ns_per_op\":{:.2},\"cpu_ns_per_op\":{:.2},\"ops\":{ONCE_KEYS},\"entries\":{},\"dropped\":0}}",
        wall / ONCE_KEYS as f64,
        cpu / ONCE_KEYS as f64,
        cache.entries()
    );
}

fn measure_ratio<P: Peer>(workload: &Workload, trace: &str, file: &str) {
    const SETTLE_EVERY: usize = 100;
    let cache = P::open(BOUNDED_ENTRIES);
    let keys = workload.draw(file);
    let mut hits = 0usize;
    for (n, key) in keys.iter().enumerate() {
        match cache.get(key) {
            Some(VALUE_BYTES) => hits += 1,
            Some(_) => die("a value has a wrong length"),
            None => cache.put(key, &workload.value),
        }
        if n % SETTLE_EVERY == 0 {
            cache.settle();
        }
    }
    println!(
        "{{\"mode\":\"ratio\",\"trace\":\"{trace}\",\"hit_ratio\":{:.5},\"ops\":{},\"entries\":{}}}",
        hits as f64 / keys.len() as f64,
        keys.len(),
        cache.entries()
    );
}

fn measure_memory<P: Peer>(workload: &Workload) {
    let keys = workload.draw("fill.u32");
    let before = resident_bytes();
    let cache = P::open(AMPLE_ENTRIES);
    fill(&cache, &keys, &workload.value);
    let per_entry = (resident_bytes() - before) as f64 / POPULAR_KEYS as f64;
    println!(
        "{{\"mode\":\"memory\",\"bytes_per_entry\":{per_entry:.1},\"rss_per_entry\":{per_entry:.1},\"entries\":{},\"counted\":\"rss\"}}",
        cache.entries()
    );
}

fn threads_of(arguments: &[String]) -> Option<usize> {
    let threads = match arguments.len() {
        3 => 1,
        4 => arguments[3].parse().ok()?,
        _ => return None,
    };
    (1..=MAX_THREADS).contains(&threads).then_some(threads)
}

/// What a peer's `main` does.
pub fn run<P: Peer>() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(threads) = threads_of(&arguments) else {
        eprintln!("usage: PROGRAM hit|insert|ratio|memory DIRECTORY [THREADS]");
        exit(2)
    };
    let workload = Workload::open(&arguments[2]);
    match arguments[1].as_str() {
        "hit" => measure_hits::<P>(&workload, threads),
        "insert" => measure_inserts::<P>(&workload),
        "ratio" => {
            measure_ratio::<P>(&workload, "zipf", "ratio_zipf.u32");
            measure_ratio::<P>(&workload, "scan", "ratio_scan.u32");
        }
        "memory" => measure_memory::<P>(&workload),
        mode => die(&format!("no such mode: {mode}")),
    }
}
