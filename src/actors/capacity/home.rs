//! Where the ledger of a cluster lives, and what to do about it: a pure decision over what this replica sees.
//!
//! Redis decides while any replica reaches it. Where none has for [`UNSEEN`] the database decides. Every change of
//! home, and every ledger that is not whole, begins a new epoch: leases of the one before cannot commit.

use std::time::Duration;

use crate::store::{Epoch, EpochState, Home, NewEpoch};

/// Where no replica has reached Redis for so long, the database takes over.
pub(super) const UNSEEN: Duration = Duration::from_secs(5);
/// So long this replica must have reached Redis before the ledger moves back there.
const STEADY: Duration = Duration::from_secs(2);
/// Whoever began an epoch has this long to load its ledger before another replica begins the next.
const LOADING: Duration = Duration::from_secs(3);

/// Redis, as this replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RedisSight {
    /// It does not answer, or takes no writes.
    Away,
    /// It answers and takes writes.
    Reached {
        /// The epoch of the ledger there, where that is whole and the server's own.
        whole: Option<Epoch>,
        /// The epoch of whatever is there.
        newest: Option<Epoch>,
        /// For how long it has answered without a break.
        steady_for: Duration,
    },
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Decide admissions there, under that epoch.
    Serve(EpochState),
    /// Another replica is loading a ledger.
    Wait,
    /// Redis is away from here, and the database may not decide.
    Unavailable,
    /// Begin a new epoch.
    Begin(NewEpoch),
}

/// What to do, given Redis, the database's row as it was read after that, and the latest epoch that this replica has
/// seen whole.
pub(super) fn next_step(redis: RedisSight, row: Option<EpochState>, seen_whole: Option<Epoch>) -> Step {
    let Some(row) = row.filter(|row| row.home != Home::Memory) else {
        return Step::Begin(NewEpoch {
            home: Home::Redis,
            after: Some(row.map_or(Epoch(0), |row| row.epoch)),
            at_least: newest(redis),
            unseen_for: None,
        });
    };
    let may_be_loading = row.age < LOADING && seen_whole != Some(row.epoch);
    let begin =
        |home, unseen_for| Step::Begin(NewEpoch { home, after: Some(row.epoch), at_least: newest(redis), unseen_for });
    match (row.home, redis) {
        (Home::Database, RedisSight::Reached { steady_for, .. }) if steady_for >= STEADY => begin(Home::Redis, None),
        (Home::Database, _) => Step::Serve(row),
        (_, RedisSight::Reached { whole, .. }) if whole == Some(row.epoch) => Step::Serve(row),
        // The epoch is written to the database before it is to Redis: a newer one there was lost here.
        (_, RedisSight::Reached { whole, .. }) if whole > Some(row.epoch) || !may_be_loading => {
            begin(Home::Redis, None)
        }
        (_, RedisSight::Reached { .. }) => Step::Wait,
        (_, RedisSight::Away) if row.unseen_for >= UNSEEN => begin(Home::Database, Some(UNSEEN)),
        (_, RedisSight::Away) => Step::Unavailable,
    }
}

fn newest(redis: RedisSight) -> Epoch {
    match redis {
        RedisSight::Reached { whole, newest, .. } => whole.max(newest).unwrap_or(Epoch(0)),
        RedisSight::Away => Epoch(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn there(epoch: u64, home: Home, age: u64, unseen_for: u64) -> EpochState {
        EpochState { epoch: Epoch(epoch), home, surveyed: true, age: s(age), unseen_for: s(unseen_for) }
    }

    fn reached(whole: Option<u64>, newest: Option<u64>, steady_for: u64) -> RedisSight {
        RedisSight::Reached { whole: whole.map(Epoch), newest: newest.map(Epoch), steady_for: s(steady_for) }
    }

    fn begin(home: Home, after: Option<u64>, at_least: u64, unseen_for: Option<u64>) -> Step {
        Step::Begin(NewEpoch {
            home,
            after: after.map(Epoch),
            at_least: Epoch(at_least),
            unseen_for: unseen_for.map(s),
        })
    }

    #[rstest]
    #[case::as_it_should_be(
        reached(Some(7), Some(7), 9),
        there(7, Home::Redis, 60, 0),
        Step::Serve(there(7, Home::Redis, 60, 0))
    )]
    #[case::empty(reached(None, None, 9), there(7, Home::Redis, 60, 0), begin(Home::Redis, Some(7), 0, None))]
    #[case::older(reached(Some(6), Some(6), 9), there(7, Home::Redis, 60, 0), begin(Home::Redis, Some(7), 6, None))]
    #[case::not_its_own(reached(None, Some(7), 9), there(7, Home::Redis, 60, 0), begin(Home::Redis, Some(7), 7, None))]
    #[case::being_loaded(reached(None, None, 9), there(7, Home::Redis, 1, 0), Step::Wait)]
    #[case::the_database_lost_commits(
        reached(Some(9), Some(9), 9),
        there(7, Home::Redis, 1, 0),
        begin(Home::Redis, Some(7), 9, None)
    )]
    #[case::cut_off(RedisSight::Away, there(7, Home::Redis, 60, 1), Step::Unavailable)]
    #[case::away_for_all(RedisSight::Away, there(7, Home::Redis, 60, 5), begin(Home::Database, Some(7), 0, Some(5)))]
    #[case::the_database_decides(
        RedisSight::Away,
        there(8, Home::Database, 1, 60),
        Step::Serve(there(8, Home::Database, 1, 60))
    )]
    #[case::just_back(
        reached(Some(7), Some(7), 1),
        there(8, Home::Database, 9, 60),
        Step::Serve(there(8, Home::Database, 9, 60))
    )]
    #[case::back(reached(Some(7), Some(7), 2), there(8, Home::Database, 9, 60), begin(Home::Redis, Some(8), 7, None))]
    #[case::one_replica_before(
        reached(None, None, 0),
        there(3, Home::Memory, 9, 60),
        begin(Home::Redis, Some(3), 0, None)
    )]
    fn the_ledger_goes_where_it_can_be_trusted(#[case] redis: RedisSight, #[case] row: EpochState, #[case] step: Step) {
        assert_eq!(next_step(redis, Some(row), None), step);
    }

    #[test]
    fn a_ledger_that_was_whole_and_is_not_any_more_is_not_waited_for() {
        let young = there(7, Home::Redis, 1, 0);
        let empty = reached(None, None, 9);
        assert_eq!(next_step(empty, Some(young), Some(Epoch(6))), Step::Wait);
        assert_eq!(next_step(empty, Some(young), Some(Epoch(7))), begin(Home::Redis, Some(7), 0, None));
    }

    #[test]
    fn a_fresh_database_begins_in_redis() {
        assert_eq!(next_step(RedisSight::Away, None, None), begin(Home::Redis, Some(0), 0, None));
    }
}
