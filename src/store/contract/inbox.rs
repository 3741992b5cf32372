//! The inbox: each webhook once, and those that came too early wait for their call.

use rstest::rstest;

use super::support::*;
use crate::domain::call::{Reference, References};
use crate::store::{Append, Conflict, Delivery, DeliveryState, EventStore, Store, Write};

fn parked(body: &str, references: &References) -> Delivery {
    delivery(body, references, DeliveryState::Parked)
}

/// The state, outcome and call of the row with that body.
async fn row_of(store: &Store, body: &str) -> (String, String, Option<String>) {
    let rows = footprint(store).await.inbox;
    let row = rows.into_iter().find(|row| row.body_hash == body).unwrap();
    (row.state, row.outcome, row.call_id)
}

fn admission_by(delivery: Delivery) -> Append {
    Append { delivery: Some(delivery), ..Session::new().append(request()) }
}

#[rstest]
#[case::filed(Write::File)]
#[case::with_events(|body| admission_by(body).into())]
#[tokio::test]
async fn i4_the_same_body_again_leaves_no_trace(
    #[case] write: fn(Delivery) -> Write,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let body = delivery("body", &References::none(), DeliveryState::Settled);
    assert!(!store.was_delivered("body").await.unwrap());
    commit(&store, admission_by(body.clone())).await.unwrap();
    assert!(store.was_delivered("body").await.unwrap());

    let before = footprint(&store).await;
    assert_eq!(commit(&store, write(body)).await, Err(Conflict::DuplicateDelivery));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn i4_the_same_body_twice_in_one_batch_has_one_effect(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let body = delivery("body", &References::none(), DeliveryState::Settled);
    let batch: Vec<Write> = (0..3).map(|_| admission_by(body.clone()).into()).collect();
    let results = store.commit(&batch).await.unwrap();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == Err(Conflict::DuplicateDelivery)).count(), 2);
    assert_eq!(footprint(&store).await.sessions.len(), 1);
}

#[rstest]
#[case::by_conversation(Reference::conversation("x"))]
#[case::by_call_sid(Reference::call_sid("x"))]
#[tokio::test]
async fn a_parked_webhook_is_given_to_the_write_that_makes_its_name_known(
    #[case] name: Reference,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let names: References = [name].into_iter().collect();
    commit(&store, parked("early", &names)).await.unwrap();
    commit(&store, parked("stranger", &conversations(&["other"]))).await.unwrap();

    let mut call = admitted(&store).await;
    let written = call.tell(&store, placed(&names)).await;
    let [waiting] = written.parked.as_slice() else { panic!("{written:?}") };
    assert_eq!(waiting.notice, parked("early", &names).notice);
    assert_eq!(waiting.received_at, noon());
    assert_eq!(store.parked_for(&names).await.unwrap(), written.parked);
}

#[rstest]
#[case::the_webhook_first(true)]
#[case::the_call_first(false)]
#[tokio::test]
async fn a_webhook_and_its_call_meet_in_one_batch_in_either_order(
    #[case] webhook_first: bool,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    let call = admitted(&store).await;
    let mut batch: Vec<Write> = vec![parked("early", &names).into(), call.append(placed(&names)).into()];
    if !webhook_first {
        batch.reverse();
    }
    let results = store.commit(&batch).await.unwrap();
    let handed: usize = results.iter().flatten().map(|written| written.parked.len()).sum();
    let sent_on = results.iter().filter(|result| **result == Err(Conflict::ReferenceTaken(call.id))).count();
    assert_eq!(handed + sent_on, 1, "{results:?}");
}

/// i4: whoever is second applies what the first left, at whichever replicas the two are.
#[rstest]
#[tokio::test]
async fn i4_a_webhook_and_its_call_meet_though_they_are_stored_at_the_same_moment(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    for round in 0..25 {
        let names = conversations(&[&format!("conv_{round}")]);
        let call = admitted(&store).await;
        let webhook = commit(&doors[0], parked(&format!("body_{round}"), &names));
        let answer = commit(&doors[1], call.append(placed(&names)));
        let (filed, written) = futures_util::join!(webhook, answer);
        match filed {
            Ok(_) => assert_eq!(written.unwrap().parked.len(), 1, "the call was second"),
            Err(conflict) => assert_eq!(conflict, Conflict::ReferenceTaken(call.id), "the webhook was second"),
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_an_append_settles_waits_no_longer(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    commit(&store, parked("early", &names)).await.unwrap();
    commit(&store, parked("stranger", &conversations(&["other"]))).await.unwrap();
    let mut call = admitted(&store).await;
    let id = call.tell(&store, placed(&names)).await.parked[0].id;

    let mut settling = call.append(placed(&conversations(&["conv_2"])));
    settling.settles = vec![id];
    assert_eq!(commit(&store, settling).await.unwrap().parked, Vec::new());
    assert_eq!(row_of(&store, "early").await, ("settled".to_owned(), "settled".to_owned(), Some(call.id.to_string())));
    assert_eq!(store.parked_for(&names).await.unwrap(), Vec::new());
    assert_eq!(store.parked().await.unwrap().len(), 1, "the stranger still waits");
}

#[rstest]
#[tokio::test]
async fn an_append_that_loses_settles_nothing(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    commit(&store, parked("early", &names)).await.unwrap();
    let id = store.parked().await.unwrap()[0].id;
    let call = admitted(&store).await;
    let mut stale = call.append(placed(&names));
    stale.expected = crate::store::Sequence(1);
    stale.settles = vec![id];
    assert_eq!(commit(&store, stale).await, Err(Conflict::SequenceMoved));
    assert_eq!(store.parked().await.unwrap()[0].id, id);
}

#[rstest]
#[tokio::test]
async fn a_webhook_whose_name_is_known_by_now_is_sent_to_its_call_and_leaves_no_trace(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    let call = told(&store, receive(&names)).await;
    let before = footprint(&store).await;
    assert_eq!(commit(&store, parked("late", &names)).await, Err(Conflict::ReferenceTaken(call.id)));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn a_webhook_that_was_weighed_for_its_call_already_is_filed(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    let call = told(&store, receive(&names)).await;
    let mut weighed = delivery("late", &names, DeliveryState::Settled);
    weighed.call_id = Some(call.id);
    commit(&store, weighed).await.unwrap();
    assert_eq!(row_of(&store, "late").await.2, Some(call.id.to_string()));
}

#[rstest]
#[tokio::test]
async fn a_parked_webhook_that_came_to_nothing_is_settled_once(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    commit(&store, parked("early", &conversations(&["conv_1"]))).await.unwrap();
    let id = store.parked().await.unwrap()[0].id;
    commit(&store, Write::Settle { id, outcome: "expired" }).await.unwrap();
    assert_eq!(store.parked().await.unwrap(), Vec::new());
    let settled = ("settled".to_owned(), "expired".to_owned(), None);
    assert_eq!(row_of(&store, "early").await, settled);

    commit(&store, Write::Settle { id, outcome: "again" }).await.unwrap();
    assert_eq!(row_of(&store, "early").await, settled);
}

#[rstest]
#[tokio::test]
async fn parked_webhooks_are_listed_in_the_order_in_which_they_came(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    for body in ["b", "c", "a"] {
        commit(&store, parked(body, &conversations(&[body]))).await.unwrap();
    }
    let waiting = store.parked().await.unwrap();
    let names: Vec<_> = waiting.iter().filter_map(|parked| parked.notice.conversation()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    assert!(waiting.is_sorted_by_key(|parked| parked.id));
}
