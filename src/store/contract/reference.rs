//! References: one name at the provider belongs to one call, and that is how messages meet.

use rstest::rstest;

use super::support::*;
use crate::domain::call::{Reference, References};
use crate::store::{Conflict, DeliveryState, EventStore};

fn references(list: impl IntoIterator<Item = Reference>) -> References {
    list.into_iter().collect()
}

#[rstest]
#[case::conversation(Reference::conversation("x"))]
#[case::call_sid(Reference::call_sid("x"))]
#[case::sip_call_id(Reference::sip_call_id("x"))]
#[tokio::test]
async fn a_call_is_found_by_each_kind_of_name(#[case] name: Reference, #[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let names = references([name]);
    let call = told(&store, receive(&names)).await;
    assert_eq!(store.call_of(&names).await.unwrap(), Some(call.id));
}

#[rstest]
#[tokio::test]
async fn the_same_text_names_another_call_where_the_kind_is_another(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let by_sid = told(&store, receive(&references([Reference::call_sid("x")]))).await;
    let by_conversation = told(&store, receive(&conversations(&["x"]))).await;
    assert_eq!(store.call_of(&references([Reference::call_sid("x")])).await.unwrap(), Some(by_sid.id));
    assert_eq!(store.call_of(&conversations(&["x"])).await.unwrap(), Some(by_conversation.id));
}

#[rstest]
#[case::conversation(Reference::conversation("x"))]
#[case::call_sid(Reference::call_sid("x"))]
#[case::sip_call_id(Reference::sip_call_id("x"))]
#[tokio::test]
async fn a_new_call_with_a_name_that_is_taken_learns_the_owner_and_leaves_no_trace(
    #[case] name: Reference,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let names = references([name]);
    let owner = told(&store, receive(&names)).await;

    let mut second = Session::new().append(receive(&names));
    second.delivery = Some(delivery("body", &names, DeliveryState::Settled));
    let before = footprint(&store).await;
    assert_eq!(commit(&store, second).await, Err(Conflict::ReferenceTaken(owner.id)));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[case::the_only_name(references([Reference::conversation("taken")]))]
#[case::the_second_of_two(references([Reference::call_sid("free"), Reference::conversation("taken")]))]
#[case::the_first_of_two(references([Reference::conversation("taken"), Reference::call_sid("free")]))]
#[case::the_second_of_two_conversations(conversations(&["free", "taken"]))]
#[tokio::test]
async fn a_known_call_that_learns_a_name_that_is_taken_learns_the_owner_and_leaves_no_trace(
    #[case] names: References,
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let owner = told(&store, receive(&conversations(&["taken"]))).await;
    let call = admitted(&store).await;

    let before = footprint(&store).await;
    assert_eq!(commit(&store, call.append(placed(&names))).await, Err(Conflict::ReferenceTaken(owner.id)));
    assert_eq!(footprint(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn a_name_that_the_call_has_already_is_no_conflict(#[values(Sqlite, Postgres)] on: Database) {
    let store = fresh(on).await;
    let mut call = told(&store, receive(&conversations(&["conv_1"]))).await;
    let mut again = call.append(placed(&conversations(&["conv_1", "conv_2"])));
    let kind = crate::domain::call::EventKind::ReferencesLearned { references: conversations(&["conv_1", "conv_2"]) };
    again.events[0].kind = kind;
    commit(&store, again.clone()).await.unwrap();
    call.adopt(&again);
    assert_eq!(store.call_of(&conversations(&["conv_2"])).await.unwrap(), Some(call.id));
    assert_eq!(store.load(call.id).await.unwrap().replay(), call.call);
}

#[rstest]
#[tokio::test]
async fn of_two_calls_with_one_name_in_one_batch_one_wins_and_the_rest_of_the_batch_is_stored(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let names = conversations(&["conv_1"]);
    let [first, second, other] = [receive(&names), receive(&names), request()].map(|it| Session::new().append(it));
    let ids = [first.call_id, second.call_id, other.call_id];

    let results = store.commit(&[first.into(), second.into(), other.into()]).await.unwrap();
    let owner = store.call_of(&names).await.unwrap().unwrap();
    for (id, result) in ids.iter().zip(&results).take(2) {
        let expected = if *id == owner { Ok(()) } else { Err(Conflict::ReferenceTaken(owner)) };
        assert_eq!(result.clone().map(|_| ()), expected);
    }
    assert!(results[2].is_ok());
    assert_eq!(store.sessions_of(&ids).await.unwrap().len(), 2);
}

/// i4: one conversation is one call, at whichever replicas its webhooks arrive.
#[rstest]
#[tokio::test]
async fn i4_of_twenty_simultaneous_calls_with_one_name_exactly_one_wins_and_the_others_learn_which(
    #[values(Sqlite, Postgres)] on: Database,
) {
    let store = fresh(on).await;
    let doors = [store.open_again().await, store.open_again().await];
    let names = conversations(&["conv_1"]);
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let (door, append) = (doors[task % 2].clone(), Session::new().append(receive(&names)));
            tokio::spawn(async move { (append.call_id, commit(&door, append).await) })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    let owner = store.call_of(&names).await.unwrap().unwrap();
    for (id, result) in results {
        let expected = if id == owner { Ok(()) } else { Err(Conflict::ReferenceTaken(owner)) };
        assert_eq!(result.map(|_| ()), expected);
    }
    assert_eq!(footprint(&store).await.events.len(), 2);
}
