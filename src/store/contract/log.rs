//! The log, read: the feed of all events, and the walk over all streams.

use std::collections::BTreeMap;

use entity::call_event::{Column, Entity};
use rstest::rstest;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::support::*;
use crate::domain::ids::PoolId;
use crate::store::{Bulletin, EventStore, SCHEMA_VERSION, Store, Write};

fn note(cap: u32) -> Write {
    Write::Note(Bulletin::PoolChanged { pool: PoolId::default_pool(), cap, paused: false, by: "ops".to_owned() })
}

#[rstest]
#[tokio::test]
async fn a_walk_in_pages_meets_every_call_once_and_no_bulletin(
    #[values(1, 2, 3, 7, 50)] limit: u64,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut expected = BTreeMap::new();
    for round in 0..7 {
        let mut session = admitted(&store).await;
        for cap in 0..round % 3 {
            commit(&store, note(cap)).await.unwrap();
        }
        session.tell(&store, placed(&conversations(&[&format!("conv_{round}")]))).await;
        expected.insert(session.id, session.call);
    }

    let mut walked = Vec::new();
    loop {
        let after = walked.last().map(|(id, _)| *id);
        let page = store.streams_after(after, limit).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() as u64 <= limit);
        walked.extend(page.into_iter().map(|(id, stream)| (id, stream.replay())));
        assert!(walked.len() <= expected.len(), "nothing is met twice");
    }
    assert_eq!(walked, expected.into_iter().collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn the_feed_shows_every_event_and_bulletin_in_the_order_of_storage(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut session = admitted(&store).await;
    commit(&store, note(10)).await.unwrap();
    session.tell(&store, placed(&conversations(&["conv_1"]))).await;

    let feed = store.events_after(0, 100).await.unwrap();
    let names: Vec<_> = feed.iter().map(|item| item.event_type.as_str()).collect();
    assert_eq!(names, ["CallRequested", "CallAdmitted", "PoolChanged", "CallPlaced"]);
    assert!(feed.is_sorted_by(|one, next| one.position < next.position));
    assert_eq!(feed[2].data["cap"], 10);
    assert_eq!((feed[3].call_id.clone(), feed[3].sequence), (session.id.to_string(), 3));

    let mut latest = store.latest_events(100).await.unwrap();
    latest.reverse();
    assert_eq!(latest, feed);
    assert_eq!(store.latest_events(1).await.unwrap(), feed[3..]);
    assert_eq!(store.events_after(feed[0].position, 2).await.unwrap(), feed[1..3]);
    assert_eq!(store.events_after(feed[3].position, 2).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn a_position_is_never_given_twice(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    commit(&store, note(1)).await.unwrap();
    let first = store.latest_events(1).await.unwrap()[0].position;
    Entity::delete_many().exec(store.writer()).await.unwrap();
    commit(&store, note(2)).await.unwrap();
    assert!(store.latest_events(1).await.unwrap()[0].position > first);
}

async fn spoil(store: &Store, column: Column, value: impl Into<sea_orm::Value>) {
    let spoilt = Entity::update_many()
        .col_expr(column, Expr::value(value))
        .filter(Column::EventType.eq("CallAdmitted"))
        .exec(store.writer())
        .await
        .unwrap();
    assert_eq!(spoilt.rows_affected, 1);
}

#[rstest]
#[case::of_a_newer_version(Column::SchemaVersion, SCHEMA_VERSION + 1)]
#[case::of_no_version(Column::SchemaVersion, 0)]
#[case::of_an_unknown_type(Column::EventType, "CallTeleported")]
#[case::of_another_shape(Column::Data, serde_json::json!({ "epoch": "seven" }))]
#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error(
    #[case] column: Column,
    #[case] value: impl Into<sea_orm::Value>,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let call = admitted(&store).await;
    spoil(&store, column, value).await;
    assert!(store.load(call.id).await.is_err());
    assert!(store.streams_after(None, 10).await.is_err());
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 2, "the feed shows what is stored");
}

#[rstest]
#[tokio::test]
async fn the_error_of_a_newer_event_says_so(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let call = admitted(&store).await;
    spoil(&store, Column::SchemaVersion, 9).await;
    let error = store.load(call.id).await.unwrap_err().to_string();
    assert!(error.contains("CallAdmitted has schema version 9"), "{error}");
}
