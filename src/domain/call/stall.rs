//! When a hang-up that nobody confirms becomes news. It goes on all the same.

use chrono::{DateTime, TimeDelta, Utc};

/// Beyond either, a hang-up has stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StallLimits {
    /// Attempts in vain.
    pub attempts: u32,
    /// Since the hang-up was asked for.
    pub lasting: TimeDelta,
}

impl StallLimits {
    /// Whether a hang-up has stalled that was asked for at `since` and tried so often.
    pub fn are_reached(&self, attempts: u32, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        attempts >= self.attempts || now - since >= self.lasting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::young(9, 299, false)]
    #[case::often_tried(10, 0, true)]
    #[case::long_ago(0, 300, true)]
    #[case::before_the_clock_was_set(9, -5, false)]
    fn many_attempts_or_a_long_time(#[case] attempts: u32, #[case] seconds: i64, #[case] stalled: bool) {
        let limits = StallLimits { attempts: 10, lasting: TimeDelta::seconds(300) };
        let since = DateTime::UNIX_EPOCH;
        assert_eq!(limits.are_reached(attempts, since, since + TimeDelta::seconds(seconds)), stalled);
    }
}
