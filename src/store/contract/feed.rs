//! The feed: positions are seen in their order, so that whoever resumes after one misses nothing.

use std::time::Duration;

use rstest::rstest;

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{Bulletin, EventStore, Store, Write};

const WRITERS: usize = 4;
const COMMITS: usize = 25;

/// Commits batches of its own calls and of notes.
async fn write(store: Store, writer: usize) {
    for round in 0..COMMITS {
        let mut batch: Vec<Write> =
            (0..=(writer + round) % 3).map(|_| Session::new().append(request()).into()).collect();
        if round % 2 == 0 {
            let by = format!("writer {writer}");
            batch.push(Write::Note(Bulletin::PoolChanged { pool: PoolId::default_pool(), cap: 1, paused: false, by }));
        }
        let results = store.commit(&batch).await.unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_reader_that_goes_on_after_the_last_position_it_saw_sees_every_event(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        writers.push(tokio::spawn(write(store.open_again().await, writer)));
    }
    let mut seen = Vec::new();
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = store.events_after(seen.last().copied().unwrap_or(0), 1_000).await.unwrap();
        let came = !page.is_empty();
        seen.extend(page.into_iter().map(|item| item.position));
        if done && !came {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let all: Vec<_> = store.events_after(0, 10_000).await.unwrap().into_iter().map(|item| item.position).collect();
    assert_eq!(seen, all);
}
