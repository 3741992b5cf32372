//! How patient a sweep is, and by which clocks it tells ages.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// How patient a sweep is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Younger than this, absence is no finding; two looks half of it apart make it one.
    pub grace: TimeDelta,
    /// A placement that is older cannot be under way any more.
    pub place_deadline: TimeDelta,
    /// An inbound call that was admitted before it talked has this long to become a conversation.
    pub bind_timeout: TimeDelta,
    /// No call is older and live, unless the provider says so.
    pub max_call_age: TimeDelta,
    /// No call is older and live, even if the provider cannot be asked.
    pub blind_max_age: TimeDelta,
    /// Whether DELETE is among the ways to hang up: then the gate may have erased a conversation itself.
    pub erases: bool,
}

impl Policy {
    /// A conversation that began so lately may not be in the provider's list yet: it is not asked for.
    pub(super) fn listing_lag(&self) -> TimeDelta {
        self.grace.min(TimeDelta::seconds(5))
    }
}

/// The moment at which a step of a sweep is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the clock that all replicas share.
    pub at: DateTime<Utc>,
    /// By a clock that never jumps, since any moment that stays the same for as long as the [`Memory`](super::Memory).
    pub monotonic: Duration,
    /// The shared clock has not jumped for a grace. Otherwise no age ends a call.
    pub clock_steady: bool,
}
