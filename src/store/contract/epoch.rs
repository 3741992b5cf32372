//! The epoch: an admission whose lease is of another ledger does not commit.

use std::time::{Duration, Instant};

use entity::slot_lease;
use rstest::rstest;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::connection::Key;
use crate::store::{Begun, Conflict, Epoch, EpochState, EventStore, Home, NewEpoch, Store};

fn pool() -> PoolId {
    PoolId::default_pool()
}

async fn begin(store: &Store, wish: NewEpoch) -> Begun {
    store.begin_epoch(&pool(), wish).await.unwrap()
}

async fn state(store: &Store) -> EpochState {
    store.epoch_state(&pool()).await.unwrap().unwrap()
}

async fn lease(store: &Store, call_id: &str, pool: &str) {
    let row = slot_lease::ActiveModel {
        call_id: Set(call_id.to_owned()),
        pool: Set(pool.to_owned()),
        business_id: Set("42".to_owned()),
        plan: Set("PRO".to_owned()),
        lease: Set("lease".to_owned()),
        epoch: Set(1),
        created_at: Set(noon()),
    };
    slot_lease::Entity::insert(row).exec_without_returning(store.writer()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn each_ledger_begins_the_next_epoch_and_the_survey_is_remembered(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.epoch_state(&pool()).await.unwrap(), None);
    for (epoch, home, surveyed) in [(1, Home::Memory, false), (2, Home::Redis, false), (3, Home::Database, true)] {
        if surveyed {
            store.mark_surveyed(&pool()).await.unwrap();
        }
        let begun = begin(&store, NewEpoch::at(home)).await;
        let there = state(&store).await;
        assert!(matches!(begun, Begun::New(_)), "{begun:?}");
        for state in [begun.state(), there] {
            assert_eq!((state.epoch, state.home, state.surveyed), (Epoch(epoch), home, surveyed));
            assert!(state.age < Duration::from_mins(1), "{state:?}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_survey_before_the_first_epoch_counts_and_is_no_epoch(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    store.mark_surveyed(&pool()).await.unwrap();
    assert_eq!(store.epoch_state(&pool()).await.unwrap(), None);
    let wish = NewEpoch { after: Some(Epoch(0)), ..NewEpoch::at(Home::Redis) };
    let begun = begin(&store, wish).await;
    assert!(matches!(begun, Begun::New(EpochState { epoch: Epoch(1), surveyed: true, .. })), "{begun:?}");
}

#[rstest]
#[tokio::test]
async fn each_pool_counts_its_own_epochs_and_loses_its_own_leases(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let other: PoolId = "other".parse().unwrap();
    for _ in 0..2 {
        next_epoch(&store).await;
    }
    store.mark_surveyed(&pool()).await.unwrap();
    lease(&store, "a", "default").await;
    lease(&store, "b", "other").await;
    let begun = store.begin_epoch(&other, NewEpoch::at(Home::Redis)).await.unwrap().state();
    assert_eq!((begun.epoch, begun.surveyed), (Epoch(1), false));
    let left = slot_lease::Entity::find().all(store.reader()).await.unwrap();
    assert_eq!(left.iter().map(|row| row.call_id.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[rstest]
#[case::of_the_past(1)]
#[case::of_the_future(3)]
#[case::of_nobody(0)]
#[tokio::test]
async fn an_epoch_that_was_to_follow_another_than_the_present_does_not_begin(
    #[case] after: u64,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    next_epoch(&store).await;
    begin(&store, NewEpoch::at(Home::Redis)).await;
    lease(&store, "a", "default").await;
    let refused = begin(&store, NewEpoch { after: Some(Epoch(after)), ..NewEpoch::at(Home::Database) }).await;
    let Begun::Other(there) = refused else { panic!("{refused:?}") };
    assert_eq!((there.epoch, there.home), (Epoch(2), Home::Redis));
    assert_eq!(state(&store).await.epoch, Epoch(2));
    assert_eq!(slot_lease::Entity::find().all(store.reader()).await.unwrap().len(), 1, "nothing was touched");
}

#[rstest]
#[tokio::test]
async fn in_a_database_without_an_epoch_no_epoch_is_present(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let refused = begin(&store, NewEpoch { after: Some(Epoch(7)), ..NewEpoch::at(Home::Redis) }).await;
    assert!(matches!(refused, Begun::Other(EpochState { epoch: Epoch(0), .. })), "{refused:?}");
    assert_eq!(store.epoch_state(&pool()).await.unwrap(), None);
}

#[rstest]
#[case::below_the_database(1, 3, true)]
#[case::that_of_the_database(2, 3, true)]
#[case::above_the_database_which_has_lost_commits(9, 10, false)]
#[tokio::test]
async fn a_new_epoch_is_above_the_ledgers_own(
    #[case] at_least: u64,
    #[case] expected: u64,
    #[case] surveyed: bool,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    for _ in 0..2 {
        next_epoch(&store).await;
    }
    store.mark_surveyed(&pool()).await.unwrap();
    let begun = begin(&store, NewEpoch { at_least: Epoch(at_least), ..NewEpoch::at(Home::Redis) }).await.state();
    assert_eq!((begun.epoch, begun.surveyed), (Epoch(expected), surveyed));
    assert_eq!(state(&store).await.surveyed, surveyed);
}

#[rstest]
#[tokio::test]
async fn redis_is_given_up_only_when_no_replica_has_reached_it_for_long(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let epoch = begin(&store, NewEpoch::at(Home::Redis)).await.state().epoch;
    let give_up = |limit| NewEpoch { after: Some(epoch), unseen_for: Some(limit), ..NewEpoch::at(Home::Database) };
    let refused = begin(&store, give_up(Duration::from_mins(1))).await;
    assert!(matches!(refused, Begun::Other(EpochState { home: Home::Redis, .. })), "{refused:?}");
    let begun = begin(&store, give_up(Duration::ZERO)).await;
    assert!(matches!(begun, Begun::New(EpochState { home: Home::Database, .. })), "{begun:?}");
}

#[rstest]
#[tokio::test]
async fn a_replica_that_reaches_redis_says_so_only_while_redis_is_the_ledger_of_that_epoch(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let long_ago = async |store: &Store| {
        let sql = "UPDATE ledger_epoch SET seen_at = '2020-01-01 00:00:00+00:00'";
        store.writer().execute_unprepared(sql).await.unwrap();
    };
    let day = Duration::from_hours(24);
    for (home, offset, seen) in [(Home::Redis, 0, true), (Home::Redis, 1, false), (Home::Database, 0, false)] {
        let epoch = begin(&store, NewEpoch::at(home)).await.state().epoch;
        long_ago(&store).await;
        assert!(state(&store).await.unseen_for > day);
        store.note_redis_seen(&pool(), Epoch(epoch.0 - offset)).await.unwrap();
        assert_eq!(state(&store).await.unseen_for < day, seen, "{home:?} {offset}");
    }
    let kept = begin(&store, NewEpoch::at(Home::Database)).await.state();
    assert!(kept.unseen_for > day, "that the database is the ledger does not mean that Redis was seen");
    let seen = begin(&store, NewEpoch::at(Home::Redis)).await.state();
    assert!(seen.unseen_for < day);
}

#[rstest]
#[tokio::test]
async fn whoever_is_loading_an_epochs_ledger_keeps_it_young_until_another_begins(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    assert!(!store.renew_epoch(&pool(), Epoch(1)).await.unwrap(), "there is none");
    let epoch = begin(&store, NewEpoch::at(Home::Redis)).await.state().epoch;
    let sql = "UPDATE ledger_epoch SET begun_at = '2020-01-01 00:00:00+00:00', seen_at = '2020-01-01 00:00:00+00:00'";
    let day = Duration::from_hours(24);
    for (other, renewed) in [(Epoch(epoch.0 + 1), false), (Epoch(epoch.0 - 1), false), (epoch, true)] {
        store.writer().execute_unprepared(sql).await.unwrap();
        let before = state(&store).await;
        assert!(before.age > day && before.unseen_for > day);
        assert_eq!(store.renew_epoch(&pool(), other).await.unwrap(), renewed);
        let after = state(&store).await;
        assert_eq!((after.age < day, after.unseen_for < day), (renewed, renewed));
        assert_eq!((after.epoch, after.home, after.surveyed), (before.epoch, before.home, before.surveyed));
    }
    next_epoch(&store).await;
    assert!(!store.renew_epoch(&pool(), epoch).await.unwrap(), "another has begun");
}

#[rstest]
#[tokio::test]
async fn of_ledgers_that_begin_at_once_no_two_have_the_same_epoch(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let door = doors[task % 2].clone();
            tokio::spawn(async move { next_epoch(&door).await.0 })
        })
        .collect();
    let mut epochs = Vec::new();
    for task in tasks {
        epochs.push(task.await.unwrap());
    }
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=10).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn of_replicas_that_would_follow_the_same_epoch_one_does_and_the_others_learn_its(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let after = next_epoch(&store).await;
    let wish = NewEpoch { after: Some(after), ..NewEpoch::at(Home::Redis) };
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let door = doors[task % 2].clone();
            tokio::spawn(async move { begin(&door, wish).await })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        let begun = task.await.unwrap();
        new += usize::from(matches!(begun, Begun::New(_)));
        assert_eq!(begun.state().epoch, Epoch(2));
    }
    assert_eq!(new, 1);
}

#[rstest]
#[tokio::test]
async fn an_admission_under_the_current_epoch_commits(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let append = admission(next_epoch(&store).await);
    commit(&store, append.clone()).await.unwrap();
    assert_eq!(store.live_sessions().await.unwrap()[0].call_id, append.call_id);
}

/// i1: what a rebuild reads after it has begun its epoch is everything that older leases will ever have admitted.
#[rstest]
#[tokio::test]
async fn i1_an_admission_in_flight_is_stored_before_the_next_epoch_begins_or_never(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let mut stored = 0;
    for round in 0..5 {
        let epoch = next_epoch(&store).await;
        let tasks: Vec<_> = (0..12)
            .map(|task| {
                let door = doors[task % 2].clone();
                tokio::spawn(async move { commit(&door, admission(epoch)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        next_epoch(&store).await;
        let read = store.live_sessions().await.unwrap().len();
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => stored += 1,
                Err(conflict) => assert_eq!(conflict, Conflict::StaleEpoch),
            }
        }
        assert_eq!(store.live_sessions().await.unwrap().len(), read);
        assert_eq!(read, stored);
    }
}

/// i1: who waits for the lock must see what its holder did, not what there was when the waiting began.
#[rstest]
#[case::repeatable_read("repeatable read")]
#[case::serializable("serializable")]
#[tokio::test]
async fn i1_an_admission_that_waited_for_the_next_epoch_loses_whatever_isolation_is_usual_there(#[case] level: &str) {
    let database = fresh(Postgres).await;
    let epoch = next_epoch(&database).await;
    database.isolate_by_default(level).await;
    let store = database.open_again().await;
    let next = store.begin().await.unwrap();
    next.lock(vec![Key::of_epoch(&pool())]).await.unwrap();
    let door = store.clone();
    let late = tokio::spawn(async move { commit(&door, admission(epoch)).await });
    let waiting = "SELECT 1 AS one FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                   WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
    let began = Instant::now();
    while ask(&store, waiting).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(2), "the admission waits for the lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    next.execute_unprepared("UPDATE ledger_epoch SET epoch = epoch + 1").await.unwrap();
    next.commit().await.unwrap();
    assert_eq!(late.await.unwrap(), Err(Conflict::StaleEpoch));
    assert_eq!(store.live_sessions().await.unwrap(), []);
}

#[rstest]
#[case::of_the_past(1)]
#[case::of_the_future(3)]
#[case::before_the_first(0)]
#[tokio::test]
async fn an_admission_of_another_epoch_loses_alone_and_the_rest_of_the_batch_commits(
    #[case] epoch: u64,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    for _ in 0..2 {
        next_epoch(&store).await;
    }
    let mut good = [admission(Epoch(2)), admission(Epoch(2))];
    good.sort_by_key(|append| append.call_id);
    let stale = admission(Epoch(epoch));
    let unfenced = Session::new().append(request());
    let mut ids = vec![good[0].call_id, good[1].call_id, unfenced.call_id];
    let [first, second] = good;

    let results = store.commit(&[first.into(), stale.into(), unfenced.into(), second.into()]).await.unwrap();
    assert!(matches!(results[..], [Ok(_), Err(Conflict::StaleEpoch), Ok(_), Ok(_)]), "{results:?}");
    let mut live: Vec<_> = store.live_sessions().await.unwrap().iter().map(|session| session.call_id).collect();
    live.sort_unstable();
    ids.sort_unstable();
    assert_eq!(live, ids);
}

#[rstest]
#[tokio::test]
async fn a_stale_admission_leaves_no_trace(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    next_epoch(&store).await;
    let before = footprint(&store).await;
    let mut stale = admission(Epoch(7));
    stale.delivery = Some(delivery("body", &conversations(&["conv_1"]), crate::store::DeliveryState::Settled));
    assert_eq!(commit(&store, stale).await, Err(Conflict::StaleEpoch));
    assert_eq!(footprint(&store).await, before);
}
