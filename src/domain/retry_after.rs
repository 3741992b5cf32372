//! When to ask again: the seconds in `Retry-After`, by what refused the call.

use std::time::Duration;

/// Why a caller is sent away for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The pool is full, or what is free is reserved for other plans.
    Global,
    /// The business has all the calls that it may have.
    Business,
    /// The provider itself said 429.
    Provider {
        /// What it asked for, if it said.
        asked: Option<Duration>,
    },
    /// Anything else: recovering, storage away, overloaded, paused.
    Other,
}

/// The configured waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// For [`Wait::Global`].
    pub global: Duration,
    /// For [`Wait::Business`].
    pub business: Duration,
    /// For [`Wait::Provider`] where the provider said nothing.
    pub provider: Duration,
    /// For [`Wait::Other`].
    pub other: Duration,
    /// Up to this many percent are added, so that those sent away do not return together.
    pub jitter_percent: u32,
}

impl RetryAfter {
    /// Whole seconds to wait, at least 1. `chance` in `0.0..1.0` chooses the jitter.
    ///
    /// What the provider asked for is passed on as it is.
    pub fn seconds(&self, wait: Wait, chance: f64) -> u64 {
        let base = match wait {
            Wait::Global => self.global,
            Wait::Business => self.business,
            Wait::Other => self.other,
            Wait::Provider { asked: Some(asked) } => return asked.as_secs().max(1),
            Wait::Provider { asked: None } => self.provider,
        }
        .as_secs();
        let widest = base * u64::from(self.jitter_percent) / 100;
        (base + scaled(widest, chance)).max(1)
    }
}

/// A whole number from 0 to `widest`, evenly by `chance`.
fn scaled(widest: u64, chance: f64) -> u64 {
    const STEPS: f64 = 1_048_576.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..STEPS just before")]
    let step = (chance * STEPS).clamp(0.0, STEPS - 1.0) as u64;
    step * (widest + 1) / 1_048_576
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits() -> RetryAfter {
        let s = Duration::from_secs;
        RetryAfter { global: s(60), business: s(30), provider: s(60), other: s(45), jitter_percent: 10 }
    }

    #[test]
    fn what_the_provider_asked_for_is_passed_on_as_it_is() {
        assert_eq!(waits().seconds(Wait::Provider { asked: Some(Duration::from_secs(17)) }, 0.99), 17);
        assert_eq!(waits().seconds(Wait::Provider { asked: None }, 0.0), 60);
    }

    proptest! {
        #[test]
        fn jitter_adds_between_nothing_and_its_percentage(chance in 0.0..1.0f64) {
            prop_assert!((60..=66).contains(&waits().seconds(Wait::Global, chance)));
            prop_assert!((30..=33).contains(&waits().seconds(Wait::Business, chance)));
            prop_assert!((45..=49).contains(&waits().seconds(Wait::Other, chance)));
        }
    }

    #[test]
    fn the_whole_range_of_jitter_is_used() {
        assert_eq!(waits().seconds(Wait::Global, 0.0), 60);
        assert_eq!(waits().seconds(Wait::Global, 0.999_999), 66);
    }
}
