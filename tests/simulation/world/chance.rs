//! The one source of chance: what a seed makes of a day, it makes of it every time.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Milliseconds of virtual time.
pub(crate) type Millis = u64;

/// One second.
pub(crate) const SECOND: Millis = 1_000;
/// One minute.
pub(crate) const MINUTE: Millis = 60 * SECOND;
/// One hour.
pub(crate) const HOUR: Millis = 60 * MINUTE;

/// Seeded chance.
#[derive(Debug)]
pub(super) struct Chance(StdRng);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Evenly from `low` to `high`, both possible.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        if low >= high { low } else { self.0.random_range(low..=high) }
    }

    /// Evenly one of `count` places.
    pub(super) fn place(&mut self, count: usize) -> usize {
        self.0.random_range(0..count.max(1))
    }

    /// True once in so many times; never for 0.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        times > 0 && self.0.random_range(0..times) == 0
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// From 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        f64::from(self.0.random_range(0..=1_000u32)) / 1_000.0
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0.random()
    }

    pub(super) fn uuid(&mut self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.0.random(), self.0.random())
    }

    /// Around `mean`, from nearly nothing to twice that.
    pub(super) fn around(&mut self, mean: Millis) -> Millis {
        self.between(1, 2 * mean.max(1))
    }

    /// How long people talk: most some minutes, few a quarter of an hour, very few most of an hour.
    pub(super) fn talk(&mut self) -> Millis {
        if self.one_in(60) {
            return self.between(20 * MINUTE, 50 * MINUTE);
        }
        let doublings = (0..3).map(|_| self.between(0, 2)).sum::<u64>();
        let base = (15 * SECOND) << doublings;
        base + self.between(0, base)
    }
}
