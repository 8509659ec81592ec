// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/maypok86/otter/v2"

	"kith.peers/harness"
)

type peer struct {
	cache *otter.Cache[string, []byte]
}

func open(entries int) harness.Peer {
	return peer{otter.Must(&otter.Options[string, []byte]{MaximumSize: entries})}
}

func (p peer) Walk(keys []string) int {
	right := 0
	for _, key := range keys {
		if value, found := p.cache.GetIfPresent(key); found && harness.Right(value) {
			right++
		}
	}
	return right
}

func (p peer) Get(key string) bool {
	value, found := p.cache.GetIfPresent(key)
	return found && harness.Right(value)
}

func (p peer) Put(key string, value []byte) { p.cache.Set(key, value) }
func (p peer) Settle()                      { p.cache.CleanUp() }
func (p peer) Entries() int                 { return p.cache.EstimatedSize() }
func (p peer) Dropped() int                 { return 0 }
func (p peer) Close()                       { p.cache.StopAllGoroutines() }

func main() { harness.Run(open) }
