//! Sessions that are not at the head of their stream, because another replica has gone on with the call.

use callgate::actors::session::Apply;
use callgate::domain::call::{Asked, Command, Context, EndReason, Record, References, Status, Witness, decide, evolve};
use callgate::domain::ids::CallId;
use callgate::store::{Append, EventStore, Trace, Write};

use crate::inside::Inside;
use crate::support::gate::a_call;

/// A gate with one live call, whose session is active there.
async fn one_call() -> (Inside, CallId) {
    let inside = Inside::start().await;
    inside.put_business("b1").await;
    let placed = inside.post("/api/calls", &a_call("b1")).await.expect(201);
    (inside, placed["callId"].as_str().unwrap().parse().unwrap())
}

/// The command, as another replica carries it out: this one's session does not hear of it.
async fn elsewhere(inside: &Inside, call_id: CallId, command: Command) {
    let store = inside.gate.store();
    let stream = store.load(call_id).await.unwrap();
    let now = stream.0.last().unwrap().event.occurred_at;
    let events = decide(&stream.replay(), command, &Context { now }).unwrap();
    let append = Append {
        call_id,
        expected: stream.sequence(),
        record: Record::of(&events.iter().fold(stream.replay(), evolve)).unwrap(),
        events,
        epoch: None,
        delivery: None,
        settles: Vec::new(),
        trace: Trace::caused_by("another replica"),
    };
    assert!(store.commit(&[Write::Append(Box::new(append))]).await.unwrap()[0].is_ok());
}

fn end() -> Command {
    let (reason, witness) = (EndReason::Operator, Witness::Operator);
    Command::End { reason, at: None, references: References::none(), witness, note: None }
}

fn observe_live() -> Command {
    Command::ObserveLive { references: References::none(), asked: Asked::WhileLive }
}

#[actix::test]
async fn i1_a_call_that_ended_elsewhere_and_is_live_after_all_is_hung_up_by_a_session_that_had_not_heard_of_its_end() {
    let (inside, call_id) = one_call().await;
    elsewhere(&inside, call_id, end()).await;

    let observed = Apply { command: observe_live(), trace: Trace::caused_by("sweep") };
    let observed = inside.gate.directory().ask(call_id, observed).await.unwrap().unwrap();

    assert!(observed.changed);
    assert_eq!(observed.record.unwrap().status, Status::Terminating);
}

#[actix::test]
async fn a_look_that_began_before_the_provider_reported_the_end_revives_nothing() {
    let (inside, call_id) = one_call().await;
    let ended = Command::End {
        reason: EndReason::Completed,
        at: None,
        references: References::none(),
        witness: Witness::Webhook,
        note: None,
    };
    elsewhere(&inside, call_id, ended).await;

    let observed = Apply { command: observe_live(), trace: Trace::caused_by("sweep") };
    let observed = inside.gate.directory().ask(call_id, observed).await.unwrap().unwrap();

    assert_eq!((observed.changed, observed.record.unwrap().status), (false, Status::Ended));
}

#[actix::test]
async fn i3_a_session_that_holds_a_revived_call_for_over_does_not_refuse_to_hang_it_up() {
    let (inside, call_id) = one_call().await;
    let ended = inside.gate.force_end(call_id, "gone".to_owned(), Trace::caused_by("test")).await.unwrap();
    assert_eq!(ended.status, Status::Ended);
    elsewhere(&inside, call_id, observe_live()).await;

    let hung_up = inside.gate.hang_up(call_id, Trace::caused_by("test")).await.unwrap();

    assert!(matches!(hung_up.status, Status::Terminating | Status::Ended), "{hung_up:?}");
    assert_eq!(hung_up.end_reason.unwrap_or(EndReason::Late), EndReason::Late);
}
