//! One at a time per key, within this process. Across processes the database decides.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// A lock for each key that somebody holds or waits for.
#[derive(Debug)]
pub(super) struct Keyed<K> {
    locks: Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>,
}

impl<K> Default for Keyed<K> {
    fn default() -> Self {
        Self { locks: Mutex::default() }
    }
}

/// Locks that nobody holds are swept out when there are this many.
const SWEEP_AT: usize = 1024;

impl<K: Eq + Hash> Keyed<K> {
    /// Waits until nobody else holds the key.
    pub(super) async fn lock(&self, key: K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            if locks.len() >= SWEEP_AT {
                locks.retain(|_, lock| lock.strong_count() > 0);
            }
            if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
                lock
            } else {
                let lock = Arc::new(tokio::sync::Mutex::new(()));
                locks.insert(key, Arc::downgrade(&lock));
                lock
            }
        };
        lock.lock_owned().await
    }
}
