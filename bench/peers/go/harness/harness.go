// SPDX-License-Identifier: Apache-2.0

// Package harness is what every Go program of the comparison does with its cache. The same, in the
// same order, as ../../cpp/harness.h; ../../README.md says what is measured.
package harness

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	warmPasses  = 3
	settleEvery = 100
	// fillEvery is how many entries a fill puts between two settles.
	fillEvery  = 10_000
	maxThreads = 64
)

// Peer is a cache of byte slices by strings.
type Peer interface {
	// Walk asks for each key and counts the values that are Right. Each program has the loop
	// itself, so that no call through this interface stands in it.
	Walk(keys []string) int
	// Get reports whether the key is there, with a value that is Right.
	Get(key string) bool
	// Put hands both over.
	Put(key string, value []byte)
	// Settle does what the cache has put off.
	Settle()
	Entries() int
	// Dropped counts the puts that the cache threw away because it was busy.
	Dropped() int
	Close()
}

// Right checks the length of a value and its first byte, so that a hit reads the value itself.
func Right(value []byte) bool { return len(value) == ValueBytes && value[0] == 'v' }

// Open makes a cache of at most so many entries.
type Open func(entries int) Peer

func clone(value []byte) []byte {
	return append(make([]byte, 0, len(value)), value...)
}

func put(cache Peer, key string, value []byte) {
	cache.Put(strings.Clone(key), clone(value))
}

func fill(cache Peer, keys []string, value []byte) {
	for i, key := range keys {
		put(cache, key, value)
		if i%fillEvery == 0 {
			cache.Settle()
		}
	}
	cache.Settle()
	if right := cache.Walk(keys); right != len(keys) {
		die("the cache kept %d of %d entries", right, len(keys))
	}
}

func walk(cache Peer, keys []string) {
	if right := cache.Walk(keys); right != len(keys) {
		die("%d of %d hits missed, or had a value of another length", len(keys)-right, len(keys))
	}
}

func measureHits(open Open, w *workload, threads int) {
	warm := w.draw("warm.u32")
	hits := w.draw("hit.u32")
	cache := open(ampleEntries)
	defer cache.Close()
	fill(cache, w.draw("fill.u32"), w.value)
	runtime.GC()

	share := len(hits) / threads
	starts := make([]moment, threads)
	ends := make([]moment, threads)
	var ready, done sync.WaitGroup
	ready.Add(threads)
	for thread := range threads {
		done.Go(func() {
			for range warmPasses {
				walk(cache, warm)
			}
			ready.Done()
			ready.Wait()
			starts[thread] = now()
			walk(cache, hits[thread*share:(thread+1)*share])
			ends[thread] = now()
		})
	}
	done.Wait()

	wall, cpu := between(starts, ends)
	ops := share * threads
	fmt.Printf(`{"mode":"hit","threads":%d,"ns_per_op":%.2f,"cpu_ns_per_op":%.2f,"mops_per_s":%.3f,"ops":%d}`+"\n",
		threads, wall*float64(threads)/float64(ops), cpu/float64(ops), float64(ops)*1e3/wall, ops)
}

// moment is when something happened.
type moment struct {
	wall time.Time
	cpu  time.Duration // processor time of all threads until then
}

func now() moment {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		die("getrusage: %v", err)
	}
	return moment{time.Now(), time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
}

// between is the wall and processor time from the first start to the last end, in nanoseconds.
func between(starts, ends []moment) (wall, cpu float64) {
	first, last := starts[0], ends[0]
	for i := range starts {
		if starts[i].wall.Before(first.wall) {
			first.wall = starts[i].wall
		}
		if ends[i].wall.After(last.wall) {
			last.wall = ends[i].wall
		}
		first.cpu = min(first.cpu, starts[i].cpu)
		last.cpu = max(last.cpu, ends[i].cpu)
	}
	return float64(last.wall.Sub(first.wall).Nanoseconds()), float64((last.cpu - first.cpu).Nanoseconds())
}

func measureInserts(open Open, w *workload) {
	cache := open(boundedEntries)
	defer cache.Close()
	for n := range 2 * boundedEntries {
		put(cache, w.key(n), w.value)
	}
	cache.Settle()
	droppedBefore := cache.Dropped()
	start := now()
	for n := range onceKeys {
		put(cache, w.key(popularKeys+n), w.value)
	}
	cache.Settle()
	wall, cpu := between([]moment{start}, []moment{now()})
	fmt.Printf(`{"mode":"insert","threads":1,"ns_per_op":%.2f,"cpu_ns_per_op":%.2f,"ops":%d,"entries":%d,"dropped":%d}`+"\n",
		wall/onceKeys, cpu/onceKeys, onceKeys, cache.Entries(),
		cache.Dropped()-droppedBefore)
}

func measureRatio(open Open, w *workload, trace, file string) {
	cache := open(boundedEntries)
	defer cache.Close()
	keys := w.draw(file)
	hits := 0
	for i, key := range keys {
		if cache.Get(key) {
			hits++
		} else {
			put(cache, key, w.value)
		}
		if i%settleEvery == 0 {
			cache.Settle()
		}
	}
	fmt.Printf(`{"mode":"ratio","trace":"%s","hit_ratio":%.5f,"ops":%d,"entries":%d}`+"\n",
		trace, float64(hits)/float64(len(keys)), len(keys), cache.Entries())
}

// memory is what the heap holds after a collection, and what of the process is in RAM.
func memory() (heap, resident float64) {
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		die("%v", err)
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		die("/proc/self/statm has too few fields")
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		die("/proc/self/statm: %v", err)
	}
	return float64(stats.HeapAlloc), float64(pages) * float64(os.Getpagesize())
}

func measureMemory(open Open, w *workload) {
	keys := w.draw("fill.u32")
	heapBefore, residentBefore := memory()
	cache := open(ampleEntries)
	defer cache.Close()
	fill(cache, keys, w.value)
	heap, resident := memory()
	fmt.Printf(`{"mode":"memory","bytes_per_entry":%.1f,"rss_per_entry":%.1f,"entries":%d,"counted":"heap"}`+"\n",
		(heap-heapBefore)/popularKeys, (resident-residentBefore)/popularKeys, cache.Entries())
	runtime.KeepAlive(keys)
	runtime.KeepAlive(w)
}

func threadsOf(arguments []string) int {
	if len(arguments) == 3 {
		return 1
	}
	if len(arguments) != 4 {
		return 0
	}
	threads, err := strconv.Atoi(arguments[3])
	if err != nil || threads > maxThreads {
		return 0
	}
	return threads
}

// Run is what a peer's main does.
func Run(open Open) {
	threads := threadsOf(os.Args)
	if threads < 1 {
		fmt.Fprintln(os.Stderr, "usage: PROGRAM hit|insert|ratio|memory DIRECTORY [THREADS]")
		os.Exit(2)
	}
	w := openWorkload(os.Args[2])
	switch os.Args[1] {
	case "hit":
		measureHits(open, w, threads)
	case "insert":
		measureInserts(open, w)
	case "ratio":
		measureRatio(open, w, "zipf", "ratio_zipf.u32")
		measureRatio(open, w, "scan", "ratio_scan.u32")
	case "memory":
		measureMemory(open, w)
	default:
		die("no such mode: %s", os.Args[1])
	}
}
