//! How many calls the drill may have at once, and who says so.

use std::fmt;

use super::gate::{Pool, Standing};

/// A simulated provider of so many lines has no cap that anybody bought.
const WITHOUT_A_CAP: u32 = 1_000;

/// Who says what was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authority {
    /// `--cap`.
    Argument,
    /// The configuration of the gate that the drill started.
    Configuration,
    /// The simulated provider.
    Simulator,
    /// Nobody but the gate itself.
    Gate,
}

impl Authority {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Configuration => "configuration",
            Self::Simulator => "simulator",
            Self::Gate => "gate",
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Argument => "by --cap",
            Self::Configuration => "by the configuration",
            Self::Simulator => "by the simulated provider",
            Self::Gate => "by the gate alone; check it with --cap N",
        })
    }
}

/// The cap that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bought {
    pub(super) cap: u32,
    pub(super) by: Authority,
}

impl Bought {
    /// What is `named` counts; then the provider's cap, if it has one; then the gate's own.
    pub(super) fn of(named: Option<Self>, simulator_cap: u32, pool: &Pool) -> Self {
        named.unwrap_or(if (1..WITHOUT_A_CAP).contains(&simulator_cap) {
            Self { cap: simulator_cap, by: Authority::Simulator }
        } else {
            Self { cap: pool.cap, by: Authority::Gate }
        })
    }
}

/// What the drill goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expectation {
    pub(super) bought: Bought,
    /// Calls of others that are live.
    pub(super) others: u32,
    /// Calls that the drill must get, and no more.
    pub(super) free: u32,
}

/// Why a drill must not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error(
        "the pool is paused: every call would be refused; resume it with PUT /api/pools/default {{\"paused\": false}}"
    )]
    Paused,
    #[error(
        "{0} calls are live, and the drill takes every free slot, so that callers are refused meanwhile: wait for \
         their end, or say --with-live-calls"
    )]
    LiveCalls(u64),
    #[error("{others} calls are live, and {cap} may be: there is no slot to drill with")]
    Full { others: u64, cap: u32 },
}

/// Whether live calls of others keep a drill from beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiveCalls {
    Refuse,
    Accept,
}

impl Expectation {
    pub(super) fn of(
        bought: Bought,
        pool: &Pool,
        standing: &Standing,
        live_at_provider: u64,
        live_calls: LiveCalls,
    ) -> Result<Self, Unfit> {
        if pool.paused {
            return Err(Unfit::Paused);
        }
        let live = standing.taken.max(standing.live.len() as u64).max(live_at_provider);
        if live > 0 && live_calls == LiveCalls::Refuse {
            return Err(Unfit::LiveCalls(live));
        }
        // What is live at the provider and nowhere else is not the gate's; it does not count it.
        let others = standing.taken;
        match u32::try_from(others).ok().and_then(|others| Some((others, bought.cap.checked_sub(others)?))) {
            Some((others, free)) if free > 0 => Ok(Self { bought, others, free }),
            _ => Err(Unfit::Full { others, cap: bought.cap }),
        }
    }

    /// As many requests at once as test A sends: twice what there is room for.
    pub(super) fn crowd(self) -> usize {
        2 * self.room()
    }

    /// The calls that the drill must get.
    pub(super) fn room(self) -> usize {
        usize::try_from(self.free).unwrap_or(usize::MAX / 2)
    }

    /// What is expected and why, as in `5 (the cap is 5 by --cap)`.
    pub(super) fn reason(self) -> String {
        let Self { bought: Bought { cap, by }, others, free } = self;
        let taken = if others == 0 { String::new() } else { format!(", {others} of it taken by others") };
        format!("{free} (the cap is {cap} {by}{taken})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    fn pool(cap: u32) -> Pool {
        Pool { cap, paused: false, reserves: BTreeMap::new() }
    }

    fn standing(taken: u64) -> Standing {
        let live = (0..taken).map(|number| (number.to_string(), "acme".to_owned())).collect();
        Standing { taken, live, placing: Vec::new(), by_plan: BTreeMap::new() }
    }

    fn five() -> Bought {
        Bought { cap: 5, by: Authority::Argument }
    }

    #[rstest]
    #[case::what_is_named(Some(five()), 7, (5, Authority::Argument))]
    #[case::then_the_provider(None, 7, (7, Authority::Simulator))]
    #[case::not_one_without_a_cap(None, 1_000, (9, Authority::Gate))]
    #[case::nor_one_that_takes_nobody(None, 0, (9, Authority::Gate))]
    fn who_says_what_was_bought(
        #[case] named: Option<Bought>,
        #[case] simulator_cap: u32,
        #[case] expected: (u32, Authority),
    ) {
        let bought = Bought::of(named, simulator_cap, &pool(9));
        assert_eq!((bought.cap, bought.by), expected);
    }

    #[rstest]
    #[case::nobody_calls(0, 0, LiveCalls::Refuse, Ok((0, 5)))]
    #[case::somebody_calls(2, 2, LiveCalls::Refuse, Err(Unfit::LiveCalls(2)))]
    #[case::somebody_calls_around_the_gate(0, 3, LiveCalls::Refuse, Err(Unfit::LiveCalls(3)))]
    #[case::somebody_calls_and_may(2, 2, LiveCalls::Accept, Ok((2, 3)))]
    #[case::nothing_is_free(5, 5, LiveCalls::Accept, Err(Unfit::Full { others: 5, cap: 5 }))]
    #[case::less_than_nothing_is_free(6, 6, LiveCalls::Accept, Err(Unfit::Full { others: 6, cap: 5 }))]
    fn a_drill_begins_where_it_disturbs_nobody_or_may(
        #[case] taken: u64,
        #[case] at_provider: u64,
        #[case] live_calls: LiveCalls,
        #[case] expected: Result<(u32, u32), Unfit>,
    ) {
        let found = Expectation::of(five(), &pool(5), &standing(taken), at_provider, live_calls);
        assert_eq!(found.map(|found| (found.others, found.free)), expected);
    }

    #[test]
    fn a_paused_pool_is_not_drilled_and_says_how_to_resume_it() {
        let paused = Pool { paused: true, ..pool(5) };
        let unfit = Expectation::of(five(), &paused, &standing(0), 0, LiveCalls::Accept).unwrap_err();
        assert_eq!(unfit, Unfit::Paused);
        assert!(unfit.to_string().ends_with(r#"PUT /api/pools/default {"paused": false}"#));
    }

    #[test]
    fn the_reason_names_the_cap_who_said_it_and_what_is_taken() {
        let expectation = Expectation { bought: five(), others: 2, free: 3 };
        assert_eq!(expectation.reason(), "3 (the cap is 5 by --cap, 2 of it taken by others)");
        assert_eq!(expectation.crowd(), 6);
    }
}
