//! Appending to one stream: the expected sequence decides who wins.

use rstest::rstest;

use super::support::*;
use crate::domain::call::{Command, EndReason, Witness};
use crate::store::{Append, CommitError, Conflict, DeliveryState, EventStore, Sequence, Trace, Write, Written};

#[rstest]
#[tokio::test]
async fn events_are_read_back_as_they_were_decided(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let session = Session::new();
    let append = session.append(request());
    commit(&store, append.clone()).await.unwrap();

    let stream = store.load(session.id).await.unwrap();
    let events: Vec<_> = stream.0.iter().map(|recorded| recorded.event.clone()).collect();
    let sequences: Vec<_> = stream.0.iter().map(|recorded| recorded.sequence.0).collect();
    assert_eq!((events, sequences), (append.events, vec![1, 2]));
    assert_eq!(stream.sequence(), Sequence(2));
    assert_eq!(store.session(session.id).await.unwrap().unwrap().record, append.record);
}

#[rstest]
#[tokio::test]
async fn a_stream_that_nobody_wrote_is_empty(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let stranger = Session::new().id;
    assert_eq!(store.load(stranger).await.unwrap().0, Vec::new());
    assert_eq!(store.session(stranger).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn every_event_carries_the_request_that_it_belongs_to(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let trace = Trace { correlation_id: Some("req-1".to_owned()), causation_id: Some("webhook".to_owned()) };
    let mut append = Session::new().append(request());
    append.trace = trace.clone();
    commit(&store, append).await.unwrap();

    let events = footprint(&store).await.events;
    assert_eq!(events.len(), 2);
    for event in events {
        let stored = Trace { correlation_id: event.correlation_id, causation_id: event.causation_id };
        assert_eq!((stored, event.node.is_empty()), (trace.clone(), false));
    }
}

#[rstest]
#[tokio::test]
async fn an_event_keeps_the_moment_at_which_it_happened(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut session = admitted(&store).await.at(after_noon(60_000));
    let over = Command::End {
        reason: EndReason::Completed,
        at: Some(after_noon(1_234)),
        references: conversations(&["conv_1"]),
        witness: Witness::Webhook,
        note: None,
    };
    session.tell(&store, over).await;
    let ended = store.load(session.id).await.unwrap().0.pop().unwrap();
    assert_eq!(ended.event.occurred_at, after_noon(1_234));
    let row = store.session(session.id).await.unwrap().unwrap();
    assert_eq!((row.record.announced_at, row.record.ended_at), (noon(), Some(after_noon(1_234))));
}

#[rstest]
#[case::before_the_first_event(0)]
#[case::in_the_past(1)]
#[case::in_the_future(3)]
#[tokio::test]
async fn an_append_at_another_sequence_loses_without_a_trace(
    #[case] expected: u64,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let session = admitted(&store).await;
    let names = conversations(&["conv_1"]);
    let mut late = session.append(placed(&names));
    late.expected = Sequence(expected);
    late.delivery = Some(delivery("body", &names, DeliveryState::Settled));

    let before = footprint(&store).await;
    assert_eq!(commit(&store, late).await, Err(Conflict::SequenceMoved));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn an_append_to_a_stream_that_does_not_exist_loses_without_a_trace(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut session = Session::new();
    session.adopt(&session.append(request()));
    let before = footprint(&store).await;
    let lost = commit(&store, session.append(placed(&conversations(&["conv_1"])))).await;
    assert_eq!(lost, Err(Conflict::SequenceMoved));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn of_two_appends_of_one_call_in_one_batch_one_wins(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let session = admitted(&store).await;
    let first = session.append(placed(&conversations(&["conv_1"])));
    let second = session.append(placed(&conversations(&["conv_2"])));

    let results = store.commit(&[first.clone().into(), second.into()]).await.unwrap();
    assert!(matches!(results[..], [Ok(_), Err(Conflict::SequenceMoved)]), "{results:?}");
    assert_eq!(store.session(session.id).await.unwrap().unwrap().record, first.record);
    assert_eq!(store.call_of(&conversations(&["conv_2"])).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn appends_of_one_call_that_follow_each_other_both_win_in_one_batch(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut session = Session::new();
    let first = session.append(request());
    session.adopt(&first);
    let second = session.append(placed(&conversations(&["conv_1"])));

    let results = store.commit(&[first.into(), second.clone().into()]).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let row = store.session(session.id).await.unwrap().unwrap();
    assert_eq!((row.record, row.sequence), (second.record, Sequence(3)));
}

/// i4: the database decides who dials.
#[rstest]
#[case::of_one_replica(1)]
#[case::of_two_replicas(2)]
#[tokio::test]
async fn i4_of_twenty_simultaneous_admissions_of_one_call_exactly_one_wins(
    #[case] replicas: usize,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut doors = Vec::new();
    for _ in 0..replicas {
        doors.push(store.open_again().await);
    }
    let append = Session::new().append(request());
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let (door, append) = (doors[task % replicas].clone(), append.clone());
            tokio::spawn(async move { commit(&door, append).await })
        })
        .collect();
    let mut wins = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => wins += 1,
            Err(conflict) => assert_eq!(conflict, Conflict::SequenceMoved),
        }
    }
    assert_eq!(wins, 1);
    assert_eq!(store.load(append.call_id).await.unwrap().sequence(), Sequence(2));
}

#[rstest]
#[case::the_admission(request(), Command::Abandon)]
#[case::the_closing_of_its_doubt(Command::Abandon, request())]
#[tokio::test]
async fn of_an_admission_and_the_closing_of_its_doubt_the_first_wins(
    #[case] first: Command,
    #[case] second: Command,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let session = Session::new();
    commit(&store, session.append(first)).await.unwrap();
    let before = footprint(&store).await;
    assert_eq!(commit(&store, session.append(second)).await, Err(Conflict::SequenceMoved));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn an_append_without_events_files_its_webhook_and_leaves_the_call_as_it_is(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let session = admitted(&store).await;
    let before = footprint(&store).await;
    let mut append = session.append(placed(&conversations(&["conv_1"])));
    append.events.clear();
    append.delivery = Some(delivery("body", &conversations(&["conv_1"]), DeliveryState::Settled));
    commit(&store, append).await.unwrap();

    let after = footprint(&store).await;
    assert_eq!((after.events, after.sessions, after.references), (before.events, before.sessions, before.references));
    assert!(store.was_delivered("body").await.unwrap());
}

/// A webhook that changes nothing.
fn no_news(session: &Session, body: &str) -> Append {
    let names = conversations(&["conv_1"]);
    let delivery = Some(delivery(body, &names, DeliveryState::Settled));
    Append { events: Vec::new(), delivery, ..session.append(placed(&names)) }
}

/// Whether it is no news is decided on the call as it stood.
#[rstest]
#[case::the_call_has_moved_on(1, Err(Conflict::SequenceMoved))]
#[case::the_call_is_there(2, Ok(Written::default()))]
#[case::the_call_never_came_so_far(3, Err(Conflict::SequenceMoved))]
#[tokio::test]
async fn an_append_without_events_loses_where_the_call_is_not_as_it_was_when_it_was_decided(
    #[case] expected: u64,
    #[case] result: Result<Written, Conflict>,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let parked = delivery("parked", &conversations(&["conv_2"]), DeliveryState::Parked);
    commit(&store, parked).await.unwrap();
    let session = admitted(&store).await;
    let before = footprint(&store).await;
    let settles = vec![store.parked().await.unwrap()[0].id];
    let append = Append { expected: Sequence(expected), settles, ..no_news(&session, "body") };
    assert_eq!(commit(&store, append).await, result);
    assert_eq!(footprint(&store).await == before, result.is_err());
    assert_eq!(store.parked().await.unwrap().is_empty(), result.is_ok());
}

#[rstest]
#[case::at_its_beginning(0, Ok(Written::default()))]
#[case::further_on(2, Err(Conflict::SequenceMoved))]
#[tokio::test]
async fn an_append_without_events_stands_on_a_stream_without_events_only_at_its_beginning(
    #[case] expected: u64,
    #[case] result: Result<Written, Conflict>,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut session = Session::new();
    session.adopt(&session.append(request()));
    let append = Append { expected: Sequence(expected), ..no_news(&session, "body") };
    assert_eq!(commit(&store, append).await, result);
    assert_eq!(store.was_delivered("body").await.unwrap(), result.is_ok());
}

#[rstest]
#[tokio::test]
async fn an_append_without_events_stands_on_what_was_stored_before_it_in_its_batch(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut session = admitted(&store).await;
    let stale = no_news(&session, "stale");
    let moves = session.append(placed(&conversations(&["conv_1"])));
    session.adopt(&moves);
    let late = Append { expected: session.sequence, ..stale.clone() };
    let results = store.commit(&[moves.into(), stale.into(), late.clone().into(), late.into()]).await.unwrap();
    assert!(
        matches!(results[..], [Ok(_), Err(Conflict::SequenceMoved), Ok(_), Err(Conflict::DuplicateDelivery)]),
        "{results:?}"
    );
}

#[rstest]
#[tokio::test]
async fn a_webhook_that_was_filed_before_is_a_duplicate_wherever_its_call_is_by_now(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let mut session = admitted(&store).await;
    let append = no_news(&session, "body");
    commit(&store, append.clone()).await.unwrap();
    session.tell(&store, placed(&conversations(&["conv_1"]))).await;
    assert_eq!(commit(&store, append).await, Err(Conflict::DuplicateDelivery));
}

/// The record names a conversation that another call has, and no event says so: no caller does that, but the
/// database must refuse it, and then the whole batch.
#[rstest]
#[tokio::test]
async fn where_the_database_refuses_nothing_of_the_batch_is_stored_and_the_next_batch_is(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let taken = conversations(&["conv_1"]);
    told(&store, receive(&taken)).await;
    let before = footprint(&store).await;

    let good: Write = Session::new().append(request()).into();
    let mut impossible = Session::new().append(request());
    impossible.record.references = taken;
    let refused = store.commit(&[good.clone(), impossible.into()]).await;
    assert!(matches!(refused, Err(CommitError::NotStored(_))), "{refused:?}");
    assert_eq!(footprint(&store).await, before);

    commit(&store, good).await.unwrap();
}
