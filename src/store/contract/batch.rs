//! The group commit: many items of every kind, each with its own fate, in the order given.

use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend};

use super::batches::{EPOCH, stories, that_knows};
use super::support::*;
use crate::domain::call::Direction;
use crate::store::{Bulletin, Conflict, DeliveryState, Epoch, EventStore, Sequence, Store, Write};

#[rstest]
#[tokio::test]
async fn a_batch_of_nothing_is_stored(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.commit(&[]).await.unwrap(), Vec::new());
}

#[rstest]
#[tokio::test]
async fn three_hundred_items_of_every_kind_win_or_lose_one_by_one(#[values(Sqlite, Postgres)] on: Database) {
    const ROUNDS: usize = 50;
    let store = fresh(on).await;
    let epoch = next_epoch(&store).await;
    let rejected = Bulletin::AdmissionRejected {
        business_id: "42".parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        direction: Direction::Outbound,
        reason: "GLOBAL_CAPACITY".to_owned(),
    };

    let mut batch: Vec<Write> = Vec::new();
    let mut live = Vec::new();
    for round in 0..ROUNDS {
        let name = conversations(&[&format!("conv_{round}")]);
        let parked = delivery(&format!("parked_{round}"), &name, DeliveryState::Parked);
        let mut session = Session::new();
        let mut admitted = session.append(request());
        admitted.epoch = Some(epoch);
        session.adopt(&admitted);
        let again = admitted.clone();
        let placed = session.append(placed(&name));
        session.adopt(&placed);
        live.push(session);
        let items: [Write; 6] = [
            parked.into(),
            admitted.into(),
            again.into(),
            placed.into(),
            admission(Epoch(epoch.0 + 1)).into(),
            Write::Note(rejected.clone()),
        ];
        batch.extend(items);
    }
    assert_eq!(batch.len(), 300);

    let results = store.commit(&batch).await.unwrap();
    for (round, fates) in results.chunks(6).enumerate() {
        assert!(
            matches!(
                fates,
                [Ok(_), Ok(_), Err(Conflict::SequenceMoved), Ok(placed), Err(Conflict::StaleEpoch), Ok(_)]
                    if placed.parked.len() == 1
            ),
            "round {round}: {fates:?}"
        );
    }
    let after = footprint(&store).await;
    assert_eq!(after.sessions.len(), ROUNDS);
    assert_eq!(after.references.len(), ROUNDS);
    assert_eq!(after.inbox.len(), ROUNDS);
    assert_eq!(after.events.len(), ROUNDS * (3 + 1), "three events of each call, and one bulletin");
    for session in live {
        let stream = store.load(session.id).await.unwrap();
        assert_eq!((stream.sequence(), stream.replay()), (Sequence(3), session.call));
    }
}

/// Replicas that meet the same calls, names and bodies in every order wait for each other, never in a circle.
#[rstest]
#[tokio::test]
async fn batches_that_collide_in_opposite_orders_are_all_stored(#[values(Sqlite, Postgres)] on: Database) {
    const ROUNDS: usize = 15;
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(admitted(&store).await);
    }
    let mut losses = 0;
    for round in 0..ROUNDS {
        let item = |(number, call): (usize, &Session)| -> [Write; 2] {
            let names = conversations(&[&format!("conv_{round}_{number}")]);
            let body = delivery(&format!("body_{round}_{number}"), &names, DeliveryState::Parked);
            let mut append = call.append(placed(&names));
            append.expected = Sequence(2 + round as u64);
            [append.into(), body.into()]
        };
        let forward: Vec<Write> = calls.iter().enumerate().flat_map(item).collect();
        let backward: Vec<Write> = forward.iter().rev().cloned().collect();
        let (one, other) = futures_util::join!(doors[0].commit(&forward), doors[1].commit(&backward));
        let results = one.unwrap().into_iter().chain(other.unwrap());
        losses += results.filter(|result| matches!(result, Err(Conflict::SequenceMoved))).count();
    }
    assert_eq!(losses, ROUNDS * calls.len(), "of two appends at one sequence one loses");
}

/// Empties the tables and counts from 1 again.
async fn begin_anew(store: &Store) {
    for table in ["call_event", "call_reference", "active_call_session", "webhook_inbox"] {
        let sql = match store.backend() {
            DbBackend::Postgres => format!("TRUNCATE {table} RESTART IDENTITY"),
            _ => format!("DELETE FROM {table}; DELETE FROM sqlite_sequence WHERE name = '{table}'"),
        };
        store.writer().execute_unprepared(&sql).await.unwrap();
    }
}

/// What is stored, but for when it was and under which id a note is.
async fn lasting(store: &Store) -> Footprint {
    let mut stored = footprint(store).await;
    for event in &mut stored.events {
        event.recorded_at = noon();
        if Bulletin::is_named(&event.event_type) {
            (event.occurred_at, event.call_id) = (noon(), String::new());
        }
    }
    stored.references.iter_mut().for_each(|row| row.created_at = noon());
    stored.sessions.iter_mut().for_each(|row| row.updated_at = noon());
    stored.inbox.iter_mut().for_each(|row| row.settled_at = row.settled_at.map(|_| noon()));
    stored
}

#[rstest]
fn a_batch_at_once_leaves_what_its_items_leave_one_by_one(#[values(Sqlite, Postgres)] on: Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stores = runtime.block_on(async {
        let stores = [fresh(on).await, fresh(on).await];
        for store in &stores {
            assert_eq!(next_epoch(store).await, EPOCH);
        }
        stores
    });
    let compare = async |story: Vec<Vec<Write>>| {
        let [at_once, one_by_one] = &stores;
        begin_anew(at_once).await;
        begin_anew(one_by_one).await;
        for batch in story {
            let batch = that_knows(batch, footprint(at_once).await.inbox.last().map_or(0, |row| row.id));
            let results = at_once.commit(&batch).await.unwrap();
            let mut singly = Vec::new();
            for write in batch {
                singly.push(commit(one_by_one, write).await);
            }
            assert_eq!(results, singly);
            assert_eq!(lasting(at_once).await, lasting(one_by_one).await);
        }
    };
    TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() })
        .run(&stories(), |story| {
            runtime.block_on(compare(story));
            Ok(())
        })
        .unwrap();
}
