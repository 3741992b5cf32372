//! Opening: the schema, the lock of the process, and what a later process finds.

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{DeliveryState, Epoch, EventStore, Scope, Store};

#[tokio::test]
async fn migrations_are_pending_until_they_are_applied_and_applying_them_again_is_harmless() {
    let store = empty().await;
    assert!(!store.pending_migrations().await.unwrap().is_empty());
    store.migrate().await.unwrap();
    let call = admitted(&store).await;
    store.migrate().await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.load(call.id).await.unwrap().replay(), call.call);
}

#[tokio::test]
async fn a_database_that_answers_answers_a_ping() {
    empty().await.ping().await.unwrap();
}

#[tokio::test]
async fn an_address_of_a_database_that_is_not_spoken_is_refused_with_the_one_that_is() {
    let error = Store::open("mysql://localhost/callgate").await.unwrap_err();
    assert!(error.0.contains("sqlite://"), "{error}");
}

#[tokio::test]
async fn a_later_process_finds_everything() {
    let store = fresh().await;
    let epoch = store.begin_epoch(&PoolId::default_pool()).await.unwrap().epoch;
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
    assert_eq!(later.begin_epoch(&PoolId::default_pool()).await.unwrap().epoch, Epoch(epoch.0 + 1));
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_what_to_configure_until_the_first_is_gone() {
    let store = fresh().await;
    let other = store.open_again().await;
    let lock = store.lock_process().unwrap();
    let error = other.lock_process().unwrap_err();
    assert!(error.0.contains("redis.url"), "{error}");
    drop(lock);
    drop(other.lock_process().unwrap());
    store.lock_process().unwrap();
}

#[tokio::test]
async fn two_databases_lock_two_processes() {
    let (one, two) = (fresh().await, fresh().await);
    let _first = one.lock_process().unwrap();
    two.lock_process().unwrap();
}
