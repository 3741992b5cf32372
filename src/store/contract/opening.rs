//! Opening: the schema, the lock of the process, and what a later process finds.

use rstest::rstest;

use super::support::*;
use crate::store::{DeliveryState, Epoch, EventStore, Scope, Sharing, Store};

#[rstest]
#[tokio::test]
async fn migrations_are_pending_until_they_are_applied_and_applying_them_again_is_harmless(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = empty(on).await;
    assert!(!store.pending_migrations().await.unwrap().is_empty());
    store.migrate().await.unwrap();
    let call = admitted(&store).await;
    store.migrate().await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.load(call.id).await.unwrap().replay(), call.call);
}

#[rstest]
#[tokio::test]
async fn a_database_that_answers_answers_a_ping(#[values(Sqlite, Postgres)] on: Database) {
    empty(on).await.ping().await.unwrap();
}

#[tokio::test]
async fn an_address_of_a_database_that_is_not_spoken_is_refused_with_the_one_that_is() {
    let error = Store::open("mysql://localhost/callgate").await.unwrap_err();
    assert!(error.0.contains("sqlite://") && error.0.contains("postgres://"), "{error}");
}

#[rstest]
#[tokio::test]
async fn a_later_process_finds_everything(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let epoch = next_epoch(&store).await;
    let mut call = admitted(&store).await;
    call.tell(&store, placed(&conversations(&["conv_1"]))).await;
    commit(&store, delivery("early", &conversations(&["conv_2"]), DeliveryState::Parked)).await.unwrap();
    let (_, key) = store.create_key("dashboard", Scope::Read).await.unwrap();
    let before = footprint(&store).await;

    let later = store.open_again().await;
    assert_eq!(later.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(footprint(&later).await, before);
    assert_eq!(later.load(call.id).await.unwrap().replay(), call.call);
    assert_eq!(later.call_of(&conversations(&["conv_1"])).await.unwrap(), Some(call.id));
    assert_eq!(later.parked().await.unwrap().len(), 1);
    assert_eq!(later.scope_of(&key).await.unwrap(), Some(Scope::Read));
    assert_eq!(next_epoch(&later).await, Epoch(epoch.0 + 1));
}

#[rstest]
#[tokio::test]
async fn a_second_process_is_refused_and_told_what_to_configure_until_the_first_is_gone(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let other = store.open_again().await;
    let lock = store.lock_process(Sharing::Alone).await.unwrap();
    let error = other.lock_process(Sharing::Alone).await.unwrap_err();
    assert!(error.0.contains("redis.url"), "{error}");
    drop(lock);
    drop(other.lock_process(Sharing::Alone).await.unwrap());
    store.lock_process(Sharing::Alone).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn two_databases_lock_two_processes(#[values(Sqlite, Postgres)] on: Database) {
    let (one, two) = (fresh(on).await, fresh(on).await);
    let _first = one.lock_process(Sharing::Alone).await.unwrap();
    two.lock_process(Sharing::Alone).await.unwrap();
}
