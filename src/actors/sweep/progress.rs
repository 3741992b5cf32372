//! How far a sweep is, for whoever watches.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a sweep is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// In words; empty while no sweep is under way.
    pub name: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is, as far as that is known; 0: it is not.
    pub total: u64,
}

/// The step that a sweep is at. Written by one sweep at a time.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Step>);

impl Progress {
    /// The step at this moment.
    pub fn now(&self) -> Step {
        *self.lock()
    }

    /// The next step begins.
    pub(super) fn begin(&self, name: &'static str, total: usize) {
        *self.lock() = Step { name, done: 0, total: total as u64 };
    }

    /// More of the step is done.
    pub(super) fn advance(&self, by: usize) {
        self.lock().done += by as u64;
    }

    /// No sweep is under way.
    pub(super) fn rest(&self) {
        *self.lock() = Step::default();
    }

    /// A panic elsewhere leaves the step whole: it is written in one go.
    fn lock(&self) -> MutexGuard<'_, Step> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
