//! PostgreSQL killed, paused, and asked by callers who do not wait: what the store says meanwhile and afterwards.

use std::pin::Pin;
use std::time::{Duration, Instant};

use callgate_rig::Postgres;

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{Agent, CommitError, EventStore, Home, NewEpoch, Sharing, Store, StoreError, StoreOptions};

/// What a call of the store may take at most, with some room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(9);

/// A server of its own, which the test may mistreat.
async fn server() -> (Postgres, Store) {
    let server = Postgres::start_with(&["fsync=off"]);
    let store = Store::open_with(&server.create_database("callgate"), CONNECTIONS).await.unwrap();
    store.migrate().await.unwrap();
    (server, store)
}

/// Tries until it works, as callers do.
async fn commit_in_the_end(store: &Store) {
    let began = Instant::now();
    while let Err(error) = store.commit(&[Session::new().append(request()).into()]).await {
        assert!(began.elapsed() < Duration::from_secs(15), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn after_a_crash_of_the_server_the_store_goes_on_by_itself() {
    let (mut server, store) = server().await;
    let mut call = admitted(&store).await;
    server.kill_9();
    let began = Instant::now();
    let refused = store.commit(&[Session::new().append(request()).into()]).await;
    assert!(matches!(refused, Err(CommitError::NotStored(_))), "{refused:?}");
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    server.start_again();
    commit_in_the_end(&store).await;
    call.tell(&store, placed(&conversations(&["conv_1"]))).await;
    assert_eq!(store.live_sessions().await.unwrap().len(), 2);
}

type Question<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

fn question<'a, T, E: ToString>(answer: impl Future<Output = Result<T, E>> + 'a) -> Question<'a> {
    Box::pin(async { answer.await.map(drop).map_err(|error| error.to_string()) })
}

#[tokio::test]
async fn while_the_server_is_silent_every_question_is_an_error_in_time_and_afterwards_none_is() {
    let (server, store) = server().await;
    let call = admitted(&store).await;
    let pool = PoolId::default_pool();
    let item = [Session::new().append(request()).into()];
    server.pause();
    let began = Instant::now();
    let questions = [
        question(store.ping()),
        question(store.session(call.id)),
        question(store.load(call.id)),
        question(store.live_sessions()),
        question(store.commit(&item)),
        question(store.begin_epoch(&pool, NewEpoch::at(Home::Redis))),
        question(store.hold_lock("sweep", "a", PATIENCE)),
        question(store.lock_process(Sharing::Shared)),
        question(store.migrate()),
    ];
    for (number, answer) in futures_util::future::join_all(questions).await.into_iter().enumerate() {
        assert!(answer.is_err(), "question {number}");
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    server.resume();
    commit_in_the_end(&store).await;
    store.ping().await.unwrap();
}

/// The caller waits for so long, and then believes that nobody knows.
#[tokio::test]
async fn a_commit_that_a_silent_server_was_not_asked_for_is_certainly_not_stored_before_its_caller_gives_up() {
    let server = Postgres::start_with(&["fsync=off"]);
    let patience = Duration::from_millis(1_500);
    let url = server.create_database("callgate");
    let store = Store::open_with(&url, StoreOptions { patience, ..CONNECTIONS }).await.unwrap();
    store.migrate().await.unwrap();
    admitted(&store).await;
    server.pause();
    let item = [Session::new().append(request()).into()];
    let refused = tokio::time::timeout(patience, store.commit(&item)).await;
    assert!(matches!(refused, Ok(Err(CommitError::NotStored(_)))), "{refused:?}");
    server.resume();
    commit_in_the_end(&store).await;
    assert_eq!(store.live_sessions().await.unwrap().len(), 2);
}

/// A COMMIT that was sent is waited for as long as its caller waits.
#[tokio::test]
async fn a_commit_that_is_slow_to_be_answered_is_waited_for_though_statements_are_not() {
    let (server, store) = server().await;
    let patience = Duration::from_secs(4);
    let url = server.url("callgate");
    let store_in_time = Store::open_with(&url, StoreOptions { patience, ..CONNECTIONS }).await.unwrap();
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                'BEGIN PERFORM pg_sleep(3.4); RETURN NULL; END'";
    let at_the_end = "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON active_call_session \
                      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()";
    server.ask("callgate", slow);
    server.ask("callgate", at_the_end);
    admitted(&store_in_time).await;
    assert_eq!(store.live_sessions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_transaction_that_the_server_falls_silent_in_ends_in_time() {
    let (server, store) = server().await;
    // All connections are fresh: none is asked whether it is alive before it is used.
    futures_util::future::join_all((0..8).map(|_| store.ping())).await;
    let txn = store.begin().await.unwrap();
    server.pause();
    let began = Instant::now();
    let answer: Result<_, StoreError> =
        txn.lock(vec![crate::store::connection::Key::of("a", "b")]).await.map_err(Into::into);
    assert!(answer.is_err());
    drop(txn);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    server.resume();
    commit_in_the_end(&store).await;
}

/// The journal drops a commit that takes too long, wherever it is just then.
#[tokio::test]
async fn commits_that_are_dropped_half_way_leave_every_connection_as_good_as_new() {
    let (server, store) = server().await;
    for round in 0..150u64 {
        let item = [Session::new().append(request()).into()];
        let _ = tokio::time::timeout(Duration::from_micros(round * 60), store.commit(&item)).await;
    }
    // Without a transaction of its own: in one that somebody left open it would be written, and seen by nobody.
    let agents: Vec<Agent> = (0..20)
        .map(|number| Agent { agent_id: format!("a{number}").parse().unwrap(), business_id: "42".parse().unwrap() })
        .collect();
    let puts = futures_util::future::join_all(agents.iter().map(|agent| store.put_agent(agent))).await;
    assert!(puts.iter().all(Result::is_ok), "{puts:?}");
    assert_eq!(server.ask("callgate", "SELECT count(*) FROM agent"), "20");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'callgate' AND state LIKE 'idle in transaction%'";
    assert_eq!(server.ask("callgate", open), "0");
    assert_eq!(server.ask("callgate", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

#[tokio::test]
async fn whoever_is_dropped_while_it_begins_a_transaction_leaves_none_open() {
    let (server, store) = server().await;
    for round in 0..60u64 {
        let _ = tokio::time::timeout(Duration::from_micros(round * 25), store.begin()).await;
        let agent = Agent { agent_id: format!("a{round}").parse().unwrap(), business_id: "42".parse().unwrap() };
        store.put_agent(&agent).await.unwrap();
        assert_eq!(server.ask("callgate", "SELECT count(*) FROM agent"), (round + 1).to_string());
    }
}
