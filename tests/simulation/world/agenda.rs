//! What is due when, and the clocks. What is due at one moment comes in an order that the seed chooses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, TimeDelta, Utc};

use super::chance::{Chance, Millis};
use super::step::Step;

/// The first moment of every day.
const MIDNIGHT: i64 = 1_767_225_600;

/// The queue of steps, and the time.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Since midnight, on the clock that only goes forward.
    pub(super) now: Millis,
    /// By how much the wall clock has jumped.
    pub(super) jumped: i64,
    /// The most it ever was ahead.
    most_ahead: i64,
    heap: BinaryHeap<Reverse<Due>>,
}

#[derive(Debug)]
struct Due {
    at: Millis,
    tie: u64,
    step: Step,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

impl Agenda {
    pub(super) fn new() -> Self {
        Self { now: 0, jumped: 0, most_ahead: 0, heap: BinaryHeap::new() }
    }

    /// Puts a step down for `after` from now.
    pub(super) fn add(&mut self, after: Millis, step: Step, chance: &mut Chance) {
        self.heap.push(Reverse(Due { at: self.now + after, tie: chance.number(), step }));
    }

    /// The next step, and a number that tells it from others; time goes on to it.
    pub(super) fn next(&mut self) -> Option<(Step, u64)> {
        let Reverse(Due { at, tie, step }) = self.heap.pop()?;
        self.now = at;
        Some((step, tie))
    }

    /// The wall clock jumps.
    pub(super) fn jump(&mut self, by: i64) {
        self.jumped += by;
        self.most_ahead = self.most_ahead.max(self.jumped);
    }

    /// It takes so long until the wall clock shows again what it showed once: until then ages say too little.
    pub(super) fn set_back(&self) -> Millis {
        self.most_ahead.abs_diff(self.jumped)
    }

    /// What the wall clock shows.
    pub(super) fn wall(&self) -> DateTime<Utc> {
        let since = i64::try_from(self.now).unwrap_or(i64::MAX).saturating_add(self.jumped);
        DateTime::UNIX_EPOCH + TimeDelta::seconds(MIDNIGHT) + TimeDelta::milliseconds(since)
    }
}
