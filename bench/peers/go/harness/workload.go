// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// Sizes of the workload; the same as in ../../cpp/workload.h.
const (
	KeyBytes       = 16
	ValueBytes     = 100
	popularKeys    = 1_000_000
	onceKeys       = 1_000_000
	boundedEntries = 100_000
	ampleEntries   = 1_250_000
)

// die ends the program with a message.
func die(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "error: "+format+"\n", arguments...)
	os.Exit(1)
}

// workload is a directory with the files that all programs read.
type workload struct {
	directory string
	keys      string // all keys, one after the other
	value     []byte
}

func openWorkload(directory string) *workload {
	w := &workload{directory: directory}
	w.keys = string(w.read("keys.bin"))
	if len(w.keys) != (popularKeys+onceKeys)*KeyBytes {
		die("keys.bin has a wrong size")
	}
	w.value = w.read("value.bin")
	if len(w.value) != ValueBytes {
		die("value.bin has a wrong size")
	}
	return w
}

func (w *workload) read(file string) []byte {
	bytes, err := os.ReadFile(filepath.Join(w.directory, file))
	if err != nil {
		die("%v", err)
	}
	return bytes
}

// key is the nth one, without a copy.
func (w *workload) key(n int) string {
	return w.keys[n*KeyBytes : (n+1)*KeyBytes]
}

// draw gives the keys of a file of draws in their order. Their bytes lie in that order too, so that
// reading them costs no cache misses.
func (w *workload) draw(file string) []string {
	bytes := w.read(file)
	if len(bytes) == 0 || len(bytes)%4 != 0 {
		die("%s has a wrong size", file)
	}
	count := len(bytes) / 4
	text := make([]byte, 0, count*KeyBytes)
	for i := range count {
		n := int(binary.LittleEndian.Uint32(bytes[4*i:]))
		if n >= popularKeys+onceKeys {
			die("%s names a key that is not there", file)
		}
		text = append(text, w.key(n)...)
	}
	return split(string(text))
}

// split makes one key of each KeyBytes bytes.
func split(text string) []string {
	keys := make([]string, len(text)/KeyBytes)
	for i := range keys {
		keys[i] = text[i*KeyBytes : (i+1)*KeyBytes]
	}
	return keys
}
