//! Hang-ups that the provider refuses, across kills: they go on until it does hang up, and nobody is left in the dark.

use serde_json::json;

use crate::support::gate::Gate;
use crate::support::wait::{eventually, settles};

const STUCK: &str = "callgate_stuck_terminations";
const REPORTED: &str = "callgate_hangups_stalled_total";

/// A gate that is full, and hangs up by one way only: each attempt is one that the provider can refuse.
async fn a_full_gate(stuck_after_seconds: &str) -> Gate {
    let gate = Gate::builder()
        .cap(1)
        .env("CALLGATE__PROVIDER__TERMINATE", "monitor")
        .env("CALLGATE__RECONCILE__STUCK_TERMINATION_SECONDS", stuck_after_seconds)
        .start()
        .await;
    gate.put_business("b1", "PRO").await;
    gate.start_call("b1").await;
    gate
}

async fn overflow(gate: &Gate) -> u64 {
    gate.status().await["overflow"].as_u64().unwrap()
}

#[actix::test]
async fn i1_i3_ten_refusals_and_three_kills_later_the_call_is_hung_up_once_and_nothing_is_overflow() {
    let mut gate = a_full_gate("2").await;
    gate.provider.behave(json!({"terminate": "refuse", "terminateRefusals": 10})).await;
    let conversation = gate.provider.start_inbound("agent_1").await;
    let call_id = gate.call_of(&conversation).await["callId"].as_str().unwrap().to_owned();
    settles(1, async || overflow(&gate).await).await;

    for left in [7, 4, 1] {
        eventually("the provider refuses", async || (gate.provider.refusals_left().await <= left).then_some(())).await;
        assert_eq!(gate.get_call(&call_id).await["status"], "terminating");
        if left == 4 {
            // By now it has taken more than the two seconds.
            settles(1, async || gate.metric(STUCK).await).await;
        }
        gate.kill_9();
        gate.start_again().await;
        assert_eq!(overflow(&gate).await, 1, "it counts against the cap until it is over");
    }

    let call = gate.call_becomes(&call_id, "terminated_capacity").await;
    assert_eq!(call["endReason"], "capacity");
    assert_eq!(gate.provider.refusals_left().await, 0);
    let state = gate.provider.call(&conversation).await;
    assert_eq!(
        (&state["live"], &state["endReason"], &state["deleted"]),
        (&json!(false), &json!("monitor"), &json!(false))
    );
    let events = gate.events_of(&call_id).await;
    let often = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!((often("TerminationRequested"), often("HangUpStalled"), often("CallEnded")), (1, 1, 1), "{events:?}");
    settles((0, 0), async || (overflow(&gate).await, gate.metric(STUCK).await)).await;
    gate.holds(1).await;
    assert_eq!(gate.provider.live().await, 1, "the other call was left alone");
    let verified = gate.run(&["replay", "--verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[actix::test]
async fn a_hang_up_that_takes_long_is_told_of_once_and_shows_when_it_is_tried_next() {
    let gate = a_full_gate("1").await;
    gate.provider.behave(json!({"terminate": "refuse"})).await;
    let conversation = gate.provider.start_inbound("agent_1").await;
    let call_id = gate.call_of(&conversation).await["callId"].as_str().unwrap().to_owned();
    let path = format!("/debug/actors/sessions/{call_id}");

    let session = eventually("it is tried on after it was told of", async || {
        let session = gate.get(&path).await.expect(200);
        let told = session["hangUpStalled"] == true && session["hangUpAttempts"].as_u64() >= Some(4);
        (told && session["nextHangUpAt"].is_string()).then_some(session)
    })
    .await;

    assert!(session["lastHangUpError"].as_str().unwrap().starts_with("monitor: "), "{session}");
    assert_eq!((gate.metric(STUCK).await, gate.metric(REPORTED).await), (1, 1));
    let log = gate.log();
    assert_eq!(log.lines().filter(|line| line.contains("a call cannot be hung up")).count(), 1, "{log}");
    let events = gate.get(&format!("/api/calls/{call_id}/events")).await.expect(200);
    let stall = events["events"].as_array().unwrap().iter().find(|event| event["type"] == "HangUpStalled").unwrap();
    assert!(stall["data"]["attempts"].as_u64() >= Some(1) && stall["data"]["seconds"].as_u64() >= Some(1), "{stall}");
    assert!(stall["data"]["detail"].as_str().unwrap().starts_with("monitor: "), "{stall}");

    gate.provider.hang_up(&conversation).await;
    gate.call_becomes(&call_id, "terminated_capacity").await;
    settles((0, 0), async || (overflow(&gate).await, gate.metric(STUCK).await)).await;
}
