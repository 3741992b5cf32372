//! Pauses between attempts: each twice the one before, up to a longest, and spread by chance.

use std::time::Duration;

/// How the pauses between attempts grow. It never says that it is time to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The pause after the first attempt.
    pub first: Duration,
    /// No pause is longer, before chance is added.
    pub longest: Duration,
}

impl BackOff {
    /// The pause after so many attempts. `chance` in `0.0..=1.0` makes it up to a quarter longer, so that those who began
    /// together do not go on together; any other `chance` adds nothing.
    pub fn pause(&self, attempts: u32, chance: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        let share = if (0.0..=1.0).contains(&chance) { chance } else { 0.0 };
        pause.saturating_add((pause / 4).mul_f64(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (0..9).map(|attempts| BACK_OFF.pause(attempts, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn chance_makes_a_pause_up_to_a_quarter_longer() {
        let pauses = [0.0, 0.5, 1.0, f64::NAN].map(|chance| BACK_OFF.pause(4, chance).as_secs());
        assert_eq!(pauses, [8, 9, 10, 8]);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_shorter_than_the_one_before_nor_longer_than_allowed(
            first in 0u64..u64::MAX,
            longest in 0u64..u64::MAX,
            attempts in 0u32..u32::MAX,
            chance in 0.0f64..1.0,
        ) {
            let back_off = BackOff { first: Duration::from_secs(first), longest: Duration::from_secs(longest) };
            let pause = back_off.pause(attempts, chance);
            prop_assert!(back_off.pause(attempts, 0.0) <= back_off.pause(attempts + 1, 0.0));
            prop_assert!(pause <= back_off.longest.saturating_add(back_off.longest / 4));
            prop_assert!(pause >= back_off.first.min(back_off.longest));
        }
    }
}
