// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use kith_peers::{checked_len, run, Key, Peer};
use moka::sync::Cache;

/// With the hasher that moka's documentation names for speed, which quick_cache has by default.
struct Moka(Cache<Box<[u8]>, Arc<[u8]>, ahash::RandomState>);

impl Peer for Moka {
    fn open(entries: usize) -> Self {
        let builder = Cache::builder().max_capacity(entries as u64);
        Moka(builder.build_with_hasher(ahash::RandomState::new()))
    }
    fn put(&self, key: &Key, value: &[u8]) {
        self.0.insert(Box::from(key.as_slice()), Arc::from(value));
    }
    fn get(&self, key: &Key) -> Option<usize> {
        self.0.get(key.as_slice()).map(|value| checked_len(&value))
    }
    fn settle(&self) {
        self.0.run_pending_tasks();
    }
    fn entries(&self) -> u64 {
        self.0.entry_count()
    }
}

fn main() {
    run::<Moka>();
}
