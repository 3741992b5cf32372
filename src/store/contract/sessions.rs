//! The session table: listings, and who is live.

use std::collections::BTreeMap;

use entity::active_call_session::{Column, Entity};
use rstest::rstest;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::support::*;
use crate::domain::call::{Command, EndReason, Status, TerminationReason, Witness};
use crate::domain::ids::CallId;
use crate::store::{PageRequest, SessionFilter, Store};

/// Moments in no order: whole seconds, milliseconds, and several calls in the same one.
const MOMENTS: [i64; 16] = [0, 1_000, 1, 0, 999, 500, 50, 5, 1_001, 1_000, 0, 60_000, 1_010, 1_100, 10, 100];

fn over(reason: EndReason) -> Command {
    let references = conversations(&[]);
    Command::End { reason, at: None, references, witness: Witness::Webhook, note: None }
}

async fn ids_of(store: &Store, filter: &SessionFilter) -> Vec<CallId> {
    let page = store.list_sessions(filter, &PageRequest { after: None, limit: 100 }).await.unwrap();
    assert_eq!(page.next, None);
    page.sessions.iter().map(|session| session.call_id).collect()
}

#[rstest]
#[tokio::test]
async fn pages_show_every_call_once_newest_first(
    #[values(1, 2, 3, 5, 15, 16, 17)] limit: u64,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut expected = Vec::new();
    for moment in MOMENTS {
        let mut session = Session::new().at(after_noon(moment));
        session.tell(&store, request()).await;
        expected.push((session.now, session.id));
    }
    expected.sort_unstable();
    expected.reverse();

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.list_sessions(&SessionFilter::default(), &PageRequest { after, limit }).await.unwrap();
        assert!(page.sessions.len() as u64 <= limit);
        seen.extend(page.sessions.iter().map(|session| (session.record.announced_at, session.call_id)));
        assert!(page.next.is_none() || page.next == seen.last().copied(), "the next page begins where this one ends");
        after = page.next;
        if after.is_none() {
            break;
        }
        assert!(seen.len() < expected.len(), "the last full page is known to be the last");
    }
    assert_eq!(seen, expected);
}

#[rstest]
#[tokio::test]
async fn a_call_keeps_its_place_in_the_listing_when_it_goes_on(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut first = admitted(&store).await;
    let mut second = Session::new().at(after_noon(1));
    second.tell(&store, request()).await;
    first.now = after_noon(5_000);
    first.tell(&store, placed(&conversations(&["conv_1"]))).await;
    assert_eq!(ids_of(&store, &SessionFilter::default()).await, [second.id, first.id]);
}

#[rstest]
#[tokio::test]
async fn filters_show_what_matches_and_nothing_else(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut placing = Session::new();
    placing.tell(&store, request_of("7")).await;
    let mut active = Session::new().at(after_noon(1_000));
    active.tell(&store, request()).await;
    active.tell(&store, placed(&conversations(&["conv_1"]))).await;
    let mut ended = Session::new().at(after_noon(2_000));
    ended.tell(&store, request()).await;
    ended.tell(&store, over(EndReason::Completed)).await;

    let statuses = |statuses: &[Status]| SessionFilter { statuses: statuses.to_vec(), ..SessionFilter::default() };
    let from = |at| SessionFilter { from: Some(after_noon(at)), ..SessionFilter::default() };
    let to = |at| SessionFilter { to: Some(after_noon(at)), ..SessionFilter::default() };
    let table: [(SessionFilter, &[CallId]); 10] = [
        (statuses(&[Status::Active]), &[active.id]),
        (statuses(&[Status::Ended, Status::Placing]), &[ended.id, placing.id]),
        (statuses(&[Status::Failed]), &[]),
        (SessionFilter { business_id: Some("7".parse().unwrap()), ..SessionFilter::default() }, &[placing.id]),
        (SessionFilter { provider_call_id: Some("conv_1".to_owned()), ..SessionFilter::default() }, &[active.id]),
        (from(1_000), &[ended.id, active.id]),
        (from(1_001), &[ended.id]),
        (to(1_000), &[placing.id]),
        (to(1_001), &[active.id, placing.id]),
        (SessionFilter { to: Some(after_noon(2_000)), ..from(1) }, &[active.id]),
    ];
    for (filter, expected) in table {
        assert_eq!(ids_of(&store, &filter).await, expected, "{filter:?}");
    }
}

#[rstest]
#[tokio::test]
async fn an_abandoned_admission_is_not_listed_but_is_known(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let abandoned = told(&store, Command::Abandon).await;
    let other = admitted(&store).await;
    assert_eq!(ids_of(&store, &SessionFilter::default()).await, [other.id]);
    let row = store.session(abandoned.id).await.unwrap().unwrap();
    assert_eq!((row.record.end_reason, row.holder()), (Some(EndReason::Abandoned), None));
}

#[rstest]
#[tokio::test]
async fn the_live_calls_are_counted_by_state_and_by_business(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.count_live_by_status().await.unwrap(), []);
    for _ in 0..2 {
        admitted(&store).await;
    }
    told(&store, request_of("7")).await;
    told(&store, Command::Abandon).await;
    let mut active = told(&store, receive(&conversations(&["conv_1"]))).await;
    let mut gone = admitted(&store).await;
    gone.tell(&store, over(EndReason::Completed)).await;

    let count = async || store.count_live_by_status().await.unwrap().into_iter().map(word).collect::<BTreeMap<_, _>>();
    assert_eq!(count().await, BTreeMap::from([("placing", 3), ("active", 1)]));
    active.tell(&store, Command::RequestTermination { reason: TerminationReason::Operator }).await;
    assert_eq!(count().await, BTreeMap::from([("placing", 3), ("terminating", 1)]));

    for (business, live) in [("42", 3), ("7", 1), ("8", 0)] {
        assert_eq!(store.count_live_of(&business.parse().unwrap()).await.unwrap(), live, "{business}");
    }
    assert_eq!(store.live_sessions().await.unwrap().len(), 4);
}

#[rstest]
#[tokio::test]
async fn hang_ups_that_take_long_are_counted_and_nothing_that_reads_like_one(#[values(Sqlite, Postgres)] on: Database) {
    const HANG_UP: Command = Command::RequestTermination { reason: TerminationReason::Operator };
    let store = fresh(on).await;
    let report = || Command::ReportStall { attempts: 10, detail: "refused".to_owned() };
    let mut alike = told(&store, receive(&conversations(&[r#""hangUpStalled":true"#]))).await;
    alike.tell(&store, HANG_UP).await;
    told(&store, receive(&conversations(&["conv_1"]))).await.tell(&store, HANG_UP).await;
    assert_eq!(store.count_stalled().await.unwrap(), 0);

    let mut stalled = Vec::new();
    for conversation in ["conv_2", "conv_3"] {
        let mut call = told(&store, receive(&conversations(&[conversation]))).await;
        call.tell(&store, HANG_UP).await;
        call.tell(&store, report()).await;
        stalled.push(call);
    }
    assert_eq!(store.count_stalled().await.unwrap(), 2);

    stalled[0].tell(&store, over(EndReason::Completed)).await;
    assert_eq!(store.count_stalled().await.unwrap(), 1);
}

fn word((status, calls): (Status, u64)) -> (&'static str, u64) {
    (status.as_str(), calls)
}

#[rstest]
#[tokio::test]
async fn live_calls_come_oldest_first(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    for moment in MOMENTS {
        Session::new().at(after_noon(moment)).tell(&store, request()).await;
    }
    let live = store.live_sessions().await.unwrap();
    assert_eq!(live.len(), MOMENTS.len());
    assert!(live.is_sorted_by_key(|session| session.record.announced_at));
}

#[rstest]
#[tokio::test]
async fn live_calls_are_read_page_by_page_in_the_order_of_their_ids(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut live = Vec::new();
    for _ in 0..5 {
        live.push(admitted(&store).await.id);
    }
    admitted(&store).await.tell(&store, over(EndReason::Completed)).await;
    live.sort_unstable();

    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = store.live_page(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        after = page.last().map(|session| session.call_id);
        read.extend(page.iter().map(|session| session.call_id));
        if after.is_none() {
            break;
        }
    }
    assert_eq!(read, live);
}

#[rstest]
#[tokio::test]
async fn live_calls_without_a_conversation_are_told_from_the_others(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert_eq!(store.count_live().await.unwrap(), (0, 0));
    let placing = admitted(&store).await;
    told(&store, receive(&conversations(&["conv_1"]))).await;
    let mut over_and_out = admitted(&store).await;
    over_and_out.tell(&store, over(EndReason::Completed)).await;

    let unbound: Vec<_> = store.unbound_sessions().await.unwrap().iter().map(|session| session.call_id).collect();
    assert_eq!(unbound, [placing.id]);
    assert_eq!(store.count_live().await.unwrap(), (2, 1));
}

#[rstest]
#[tokio::test]
async fn live_calls_are_parted_by_when_they_began(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    assert!(store.live_partition(4).await.unwrap().is_empty());
    for moment in [40, 10, 30, 20] {
        Session::new().at(after_noon(moment)).tell(&store, request()).await;
    }
    assert_eq!(store.live_partition(2).await.unwrap(), [after_noon(30)]);
    assert_eq!(store.live_partition(4).await.unwrap(), [20, 30, 40].map(after_noon));
    assert!(store.live_partition(1).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn several_calls_are_read_at_once_and_strangers_are_left_out(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let calls = [admitted(&store).await, admitted(&store).await];
    admitted(&store).await;
    let stranger = Session::new().id;
    let found = store.sessions_of(&[calls[0].id, stranger, calls[1].id]).await.unwrap();
    let mut ids: Vec<_> = found.iter().map(|session| session.call_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, calls.map(|call| call.id));
    assert_eq!(store.sessions_of(&[]).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn more_calls_are_asked_for_than_one_statement_takes(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut ids: Vec<_> = std::iter::repeat_with(|| Session::new().id).take(70_000).collect();
    for place in [0, 35_000, 69_999] {
        ids[place] = admitted(&store).await.id;
    }
    let found = store.sessions_of(&ids).await.unwrap();
    let found: Vec<_> = found.iter().map(|session| session.call_id).collect();
    assert_eq!(found, [ids[0], ids[35_000], ids[69_999]]);
}

#[rstest]
#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let call = admitted(&store).await;
    Entity::update_many().col_expr(Column::Status, Expr::value("singing")).exec(store.writer()).await.unwrap();
    let error = store.session(call.id).await.unwrap_err();
    assert!(error.0.contains(&call.id.to_string()) && error.0.contains("singing"), "{error}");
}

#[rstest]
#[tokio::test]
async fn of_many_live_calls_one_that_cannot_be_read_is_named_not_left_out(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let calls = [admitted(&store).await, admitted(&store).await, admitted(&store).await];
    let spoilt = calls[1].id.to_string();
    Entity::update_many()
        .col_expr(Column::Metadata, Expr::value(serde_json::json!({ "profile": "none" })))
        .filter(Column::CallId.eq(&spoilt))
        .exec(store.writer())
        .await
        .unwrap();
    let error = store.live_sessions().await.unwrap_err();
    assert!(error.0.contains(&spoilt), "{error}");
}
