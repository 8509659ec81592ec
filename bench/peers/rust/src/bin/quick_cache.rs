// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use kith_peers::{checked_len, run, Key, Peer};
use quick_cache::sync::Cache;

struct QuickCache(Cache<Box<[u8]>, Arc<[u8]>>);

impl Peer for QuickCache {
    fn open(entries: usize) -> Self {
        QuickCache(Cache::new(entries))
    }
    fn put(&self, key: &Key, value: &[u8]) {
        self.0.insert(Box::from(key.as_slice()), Arc::from(value));
    }
    fn get(&self, key: &Key) -> Option<usize> {
        self.0.get(key.as_slice()).map(|value| checked_len(&value))
    }
    fn settle(&self) {}
    fn entries(&self) -> u64 {
        self.0.len() as u64
    }
}

fn main() {
    run::<QuickCache>();
}
