//! Locks with a name: one holder at a time, who renews or loses them.

use std::time::Duration;

use rstest::rstest;

use super::support::*;
use crate::store::{LockState, Store};

const LONG: Duration = Duration::from_mins(1);
const OVER: Duration = Duration::ZERO;

async fn ask_for(store: &Store, holder: &str, for_: Duration) -> LockState {
    store.hold_lock("sweep", holder, for_).await.unwrap()
}

fn held_by(holder: &str, mine: bool) -> LockState {
    LockState { holder: holder.to_owned(), mine }
}

#[rstest]
#[tokio::test]
async fn a_lock_has_one_holder_until_it_lets_go(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(ask_for(&store, "a", LONG).await, held_by("a", true));
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("a", false));
    store.release_lock("sweep", "b").await.unwrap();
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("a", false), "who does not have it cannot let go of it");
    store.release_lock("sweep", "a").await.unwrap();
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("b", true));
    assert!(store.hold_lock("another", "a", LONG).await.unwrap().mine, "another name is another lock");
}

#[rstest]
#[tokio::test]
async fn whether_a_lock_is_held_can_be_told_without_asking_for_it(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert!(!store.is_locked("sweep").await.unwrap(), "nobody asked for it yet");
    ask_for(&store, "a", LONG).await;
    assert!(store.is_locked("sweep").await.unwrap());
    assert!(!store.is_locked("another").await.unwrap());
    store.release_lock("sweep", "a").await.unwrap();
    assert!(!store.is_locked("sweep").await.unwrap());
    ask_for(&store, "b", OVER).await;
    assert!(!store.is_locked("sweep").await.unwrap(), "its time is over");
}

#[rstest]
#[tokio::test]
async fn a_lock_whose_time_is_over_is_anybodys(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert!(ask_for(&store, "a", OVER).await.mine);
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("b", true));
    assert_eq!(ask_for(&store, "a", LONG).await, held_by("b", false));
}

/// The database's clock was ahead when the lock was taken, and was set back.
#[rstest]
#[tokio::test]
async fn nobody_holds_a_lock_for_longer_than_those_who_ask_would(#[values(Sqlite, Postgres)] on: Database) {
    const TOMORROW: Duration = Duration::from_hours(24);
    let store = fresh(on).await;
    assert!(ask_for(&store, "a", TOMORROW).await.mine);
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("a", false));
    assert_eq!(ask_for(&store, "b", OVER).await, held_by("a", false), "its holder has until then to renew it");
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("b", true));
}

#[rstest]
#[tokio::test]
async fn whoever_asks_in_vain_gives_the_holder_no_more_time(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    ask_for(&store, "a", LONG).await;
    ask_for(&store, "b", OVER).await;
    assert_eq!(ask_for(&store, "b", LONG).await, held_by("b", true));
    ask_for(&store, "b", OVER).await;
    assert_eq!(ask_for(&store, "a", LONG).await, held_by("a", true));
}

#[rstest]
#[case::for_longer(OVER, LONG, false)]
#[case::for_less(LONG, OVER, true)]
#[tokio::test]
async fn its_holder_renews_it_from_now_on(
    #[case] first: Duration,
    #[case] then: Duration,
    #[case] is_over: bool,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    ask_for(&store, "a", first).await;
    assert_eq!(ask_for(&store, "a", then).await, held_by("a", true));
    assert_eq!(ask_for(&store, "b", LONG).await.mine, is_over);
}

#[rstest]
#[tokio::test]
async fn of_many_that_ask_at_once_one_gets_it_and_all_know_who(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let tasks: Vec<_> = (0..10)
        .map(|task| {
            let door = doors[task % 2].clone();
            tokio::spawn(async move { ask_for(&door, &task.to_string(), LONG).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| answer.mine).count(), 1);
    assert!(answers.iter().all(|answer| answer.holder == answers[0].holder), "{answers:?}");
}
