//! Slots while the database is the ledger: what a turn reads, and what it leaves.

use entity::slot_lease;
use rstest::rstest;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};

use super::support::*;
use crate::domain::admission::Holder;
use crate::domain::call::Slot;
use crate::domain::ids::{LeaseId, PoolId};
use crate::domain::pool::Pool;
use crate::sources;
use crate::store::{Home, NewEpoch, SlotTurn, Store, Turn};

/// More than either database takes values in one statement.
const STORED: usize = 70_000;

/// A database that is the ledger of the default pool.
async fn ledger(on: Database) -> Fresh {
    let store = fresh(on).await;
    let id = PoolId::default_pool();
    store.seed_pool(&Pool { id, cap: 5, paused: false, reserves: [].into() }).await.unwrap();
    store
}

async fn turn(store: &Store) -> SlotTurn {
    let pool = PoolId::default_pool();
    let epoch = match store.epoch_state(&pool).await.unwrap() {
        Some(state) => state.epoch,
        None => store.begin_epoch(&pool, NewEpoch::at(Home::Database)).await.unwrap().state().epoch,
    };
    let Turn::Begun(turn) = store.slot_turn(&pool, epoch).await.unwrap() else { panic!("nobody else has the epoch") };
    turn
}

fn lease(number: u64) -> (Holder, LeaseId) {
    let holder = Holder {
        call_id: sources::new_call_id(),
        business_id: "42".parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        slot: Slot::Held,
    };
    (holder, LeaseId(number))
}

/// Calls that are over, each with the lease of its admission.
async fn store_admissions(store: &Store) {
    const SOME: usize = 10_000;
    for first in (0..STORED).step_by(SOME) {
        let numbers = format!(
            "WITH RECURSIVE number (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM number WHERE n < {})",
            first + SOME - 1
        );
        let call_id = "'00000000-0000-0000-0000-' || (100000000000 + n)";
        for sql in [
            format!(
                "INSERT INTO active_call_session (call_id, pool, business_id, plan, direction, status, slot, provider, \
                 metadata, sequence, created_at, updated_at) {numbers} SELECT {call_id}, 'default', '42', 'PRO', \
                 'outbound', 'ended', 'released', 'elevenlabs', '{{}}', 3, '2026-01-27 12:00:00+00:00', \
                 '2026-01-27 12:00:00+00:00' FROM number"
            ),
            format!(
                "INSERT INTO slot_lease (call_id, pool, business_id, plan, lease, epoch, created_at) {numbers} \
                 SELECT {call_id}, 'default', '42', 'PRO', '1', 1, '2026-01-27 12:00:00+00:00' FROM number"
            ),
        ] {
            store.writer().execute_unprepared(&sql).await.unwrap();
        }
    }
}

#[rstest]
#[tokio::test]
async fn leases_whose_admissions_are_stored_do_not_hinder_a_turn_and_are_gone_after_it(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = ledger(on).await;
    let begun = turn(&store).await;
    let waiting = lease(7);
    begun.finish(&[], std::slice::from_ref(&waiting)).await.unwrap();
    store_admissions(&store).await;
    let read = store.slot_table(&PoolId::default_pool()).await.unwrap();
    assert_eq!(read.by_lease.as_slice(), std::slice::from_ref(&waiting));

    let begun = turn(&store).await;
    let table = begun.table().await.unwrap();
    assert_eq!((table.by_log, table.by_lease.as_slice()), (vec![], std::slice::from_ref(&waiting)));
    begun.finish(&table.by_lease, &[waiting, lease(8)]).await.unwrap();
    assert_eq!(slot_lease::Entity::find().count(store.reader()).await.unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn a_turn_counts_those_who_hold_something_by_their_rows(#[values(Sqlite, Postgres)] on: Database) {
    let store = ledger(on).await;
    let begun = turn(&store).await;
    begun.finish(&[], &[]).await.unwrap();
    let call = told(&store, request_of("7")).await;
    told(&store, crate::domain::call::Command::Abandon).await;
    let session = store.session(call.id).await.unwrap().unwrap();
    let by_log = turn(&store).await.table().await.unwrap().by_log;
    assert_eq!(by_log, [(session.holder().unwrap(), session.sequence)]);
}
