//! What earlier sweeps found missing. Lost at a restart: then it must be found missing again, the safe direction.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use chrono::TimeDelta;

use super::policy::Now;
use crate::domain::ids::CallId;

/// What earlier sweeps of this process found, and when first, on the monotonic clock.
#[derive(Debug, Default)]
pub struct Memory {
    /// Calls that the provider knows nothing of.
    pub(super) absent: Sightings<CallId>,
    /// Holders in the ledger without a row.
    pub(super) rowless: Sightings<CallId>,
    /// Conversations that are nobody's.
    pub(super) strangers: Sightings<String>,
    /// At the latest look the provider's count of live conversations was as long as its list.
    pub(super) count_agrees: bool,
}

impl Memory {
    /// Calls that the provider knows nothing of, and for how long that has been so.
    pub fn missing(&self, now: &Now) -> Vec<(CallId, Duration)> {
        self.absent.0.iter().map(|(id, since)| (*id, now.monotonic.saturating_sub(*since))).collect()
    }

    /// Whether the provider's count tells as much as its list, by the latest comparison of the two.
    pub fn trusts_the_count(&self) -> bool {
        self.count_agrees
    }
}

/// What was seen in an unbroken row of looks, and when first.
#[derive(Debug)]
pub(super) struct Sightings<K>(HashMap<K, Duration>);

impl<K> Default for Sightings<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Sightings<K> {
    /// Since the first look of the row; none where there was none.
    pub(super) fn since(&self, key: &K, now: &Now) -> Option<TimeDelta> {
        let first = self.0.get(key)?;
        TimeDelta::from_std(now.monotonic.saturating_sub(*first)).ok()
    }

    /// It was seen: since the first look of the row, which may be this one.
    pub(super) fn see(&mut self, key: K, now: &Now) -> TimeDelta {
        let first = *self.0.entry(key).or_insert(now.monotonic);
        TimeDelta::from_std(now.monotonic.saturating_sub(first)).unwrap_or(TimeDelta::MAX)
    }

    /// The row is broken.
    pub(super) fn forget(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Every other row is broken.
    pub(super) fn keep_only(&mut self, kept: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| kept(key));
    }
}
