// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/dgraph-io/ristretto/v2"

	"kith.peers/harness"
)

// peer keeps hashes of keys, not keys: that is how ristretto works.
type peer struct {
	cache   *ristretto.Cache[string, []byte]
	dropped int
}

// open uses what the package's README recommends: ten counters an entry, buffers of 64. Each entry
// costs one, so that the bound is in entries.
func open(entries int) harness.Peer {
	cache, err := ristretto.NewCache(&ristretto.Config[string, []byte]{
		NumCounters:        10 * int64(entries),
		MaxCost:            int64(entries),
		BufferItems:        64,
		IgnoreInternalCost: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	return &peer{cache: cache}
}

func (p *peer) Walk(keys []string) int {
	right := 0
	for _, key := range keys {
		if value, found := p.cache.Get(key); found && harness.Right(value) {
			right++
		}
	}
	return right
}

func (p *peer) Get(key string) bool {
	value, found := p.cache.Get(key)
	return found && harness.Right(value)
}

func (p *peer) Put(key string, value []byte) {
	if !p.cache.Set(key, value, 1) {
		p.dropped++
	}
}

func (p *peer) Settle()      { p.cache.Wait() }
func (p *peer) Entries() int { return int(p.cache.MaxCost() - p.cache.RemainingCost()) }
func (p *peer) Dropped() int { return p.dropped }
func (p *peer) Close()       { p.cache.Close() }

func main() { harness.Run(open) }
