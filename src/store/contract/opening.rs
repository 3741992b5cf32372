//! Opening: the schema, the lock of the process, and what a later process finds.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use rstest::rstest;
use sea_orm::ConnectionTrait;

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{DeliveryState, Epoch, EventStore, Home, Scope, Sharing, Store};

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
async fn a_database_that_does_not_say_what_is_applied_is_not_one_without_a_schema(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let unreadable = "ALTER TABLE seaql_migrations RENAME COLUMN version TO something";
    store.writer().execute_unprepared(unreadable).await.unwrap();
    assert!(store.pending_migrations().await.is_err());
    store.close().await;
    assert!(store.pending_migrations().await.is_err());
}

/// Replicas of two releases run beside each other while one replaces the other, or is rolled back.
#[rstest]
#[tokio::test]
async fn a_schema_of_a_later_release_serves_an_earlier_one(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
    store.writer().execute_unprepared(later).await.unwrap();
    store.open_again().await.migrate().await.unwrap();
    admitted(&store).await;
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
async fn a_closed_store_answers_with_an_error(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    admitted(&store).await;
    store.close().await;
    assert!(store.ping().await.is_err());
    assert!(store.commit(&[Session::new().append(request()).into()]).await.is_err());
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
    assert!(error.0.contains("another callgate") && error.0.contains("redis.url"), "{error}");
    drop(lock);
    drop(other.lock_process(Sharing::Alone).await.unwrap());
    store.lock_process(Sharing::Alone).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn those_who_share_run_beside_each_other_and_not_beside_one_who_does_not(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let other = store.open_again().await;
    let shared =
        [store.lock_process(Sharing::Shared).await.unwrap(), other.lock_process(Sharing::Shared).await.unwrap()];
    let error = other.lock_process(Sharing::Alone).await.unwrap_err();
    assert!(error.0.contains("redis.url"), "{error}");
    drop(shared);
    let _alone = store.lock_process(Sharing::Alone).await.unwrap();
    let error = other.lock_process(Sharing::Shared).await.unwrap_err();
    assert!(error.0.contains("redis.url"), "{error}");
}

#[rstest]
#[tokio::test]
async fn two_databases_lock_two_processes(#[values(Sqlite, Postgres)] on: Database) {
    let (one, two) = (fresh(on).await, fresh(on).await);
    let _first = one.lock_process(Sharing::Alone).await.unwrap();
    two.lock_process(Sharing::Alone).await.unwrap();
}

#[tokio::test]
async fn a_process_learns_that_the_connection_with_its_lock_is_gone() {
    let store = fresh(Postgres).await;
    let mut lock = store.lock_process(Sharing::Alone).await.unwrap();
    let early = tokio::time::timeout(Duration::from_secs(3), lock.lost()).await;
    assert!(early.is_err(), "it is not lost by being held");
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
               WHERE locktype = 'advisory' AND datname = current_database()";
    assert_eq!(ask(&store, sql).await.len(), 1);
    tokio::time::timeout(Duration::from_secs(10), lock.lost()).await.unwrap();
}

#[tokio::test]
async fn the_lock_on_a_file_is_never_lost() {
    let store = fresh(Sqlite).await;
    let mut lock = store.lock_process(Sharing::Alone).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), lock.lost()).await.is_err());
}

#[rstest]
#[tokio::test]
async fn replicas_that_start_at_once_migrate_once(#[values("read committed", "repeatable read")] isolation: &str) {
    let store = empty(Postgres).await;
    store.isolate_by_default(isolation).await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let door = store.open_again().await;
        tasks.push(tokio::spawn(async move { door.migrate().await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    admitted(&store).await;
}

#[rstest]
#[tokio::test]
async fn a_database_of_the_first_schema_keeps_its_epoch(#[values(Sqlite, Postgres)] on: Database) {
    let store = empty(on).await;
    Migrator::up(store.writer().pool(), Some(1)).await.unwrap();
    let sql = "INSERT INTO ledger_epoch (pool, epoch, home, surveyed, updated_at) \
               VALUES ('default', 7, 'memory', true, '2026-01-27 10:00:00+00:00')";
    store.writer().execute_unprepared(sql).await.unwrap();
    store.migrate().await.unwrap();
    let state = store.epoch_state(&PoolId::default_pool()).await.unwrap().unwrap();
    assert_eq!((state.epoch, state.home, state.surveyed), (Epoch(7), Home::Memory, true));
    assert!(state.age < Duration::from_mins(1) && state.unseen_for < Duration::from_mins(1), "{state:?}");
}

/// Both names of the scheme, and the driver's own word for the encryption of the line.
#[tokio::test]
async fn the_address_says_whether_the_line_is_encrypted() {
    let store = empty(Postgres).await;
    let url = store.url.replace("postgres://", "postgresql://");
    Store::open(&format!("{url}?sslmode=disable")).await.unwrap().ping().await.unwrap();
    let error = Store::open(&format!("{url}?sslmode=require")).await.unwrap_err();
    assert!(error.0.contains("TLS"), "{error}");
}

#[tokio::test]
async fn the_server_ends_what_takes_too_long() {
    let store = empty(Postgres).await;
    for (setting, expected) in [
        ("statement_timeout", "4s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("application_name", "callgate"),
    ] {
        let row = ask(&store, &format!("SELECT current_setting('{setting}') AS value")).await.remove(0);
        assert_eq!(row.try_get::<String>("", "value").unwrap(), expected, "{setting}");
    }
}
