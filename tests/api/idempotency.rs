//! One Idempotency-Key is one call (I4).

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::gate::{Gate, a_call};
use crate::support::http::Answer;

async fn a_gate_with_a_business() -> Gate {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[actix::test]
async fn i4_one_key_sent_twenty_times_at_once_dials_once() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"answerDelayMs": 300})).await;
    let call = a_call("42");

    let answers = join_all((0..20).map(|_| gate.post_call_once("key", &call))).await;

    assert_eq!(gate.provider.dialled().await, 1);
    let firsts = answers.iter().filter(|answer| !replayed(answer)).count();
    assert_eq!(firsts, 1, "{answers:?}");
    for answer in &answers {
        let accepted: &[u16] = if replayed(answer) { &[200, 202] } else { &[201] };
        assert!(accepted.contains(&answer.code()), "{answer}");
    }
    let ids: BTreeSet<String> = answers.iter().map(|answer| answer.json()["callId"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    gate.holds(1).await;
}

#[actix::test]
async fn a_key_that_comes_again_is_answered_with_the_call_as_it_is_now() {
    let gate = a_gate_with_a_business().await;
    let first = gate.post_call_once("key", &a_call("42")).await;
    let call_id = first.expect(201)["callId"].as_str().unwrap().to_owned();
    assert!(!replayed(&first));

    let again = gate.post_call_once("key", &a_call("42")).await;
    assert!(replayed(&again), "{again}");
    assert_eq!(again.expect(200)["status"], "active");

    gate.provider.hang_up_all().await;
    gate.call_becomes(&call_id, "ended").await;
    let again = gate.post_call_once("key", &a_call("42")).await;
    assert!(replayed(&again), "{again}");
    let call = again.expect(200);
    assert_eq!((&call["callId"], &call["status"]), (&json!(call_id), &json!("ended")));
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn while_a_call_is_being_placed_its_key_is_answered_with_202_and_where_to_look() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"answerDelayMs": 60_000})).await;
    let call = a_call("42");
    let ask = || {
        crate::support::http::Ask::post("/api/calls")
            .header("Idempotency-Key", "key")
            .header("Prefer", "respond-async")
            .json(&call)
    };
    let call_id = gate.ask(ask()).await.expect(202)["callId"].as_str().unwrap().to_owned();

    let again = gate.post_call_once("key", &call).await;

    assert_eq!(again.expect(202)["callId"], call_id);
    assert!(replayed(&again));
    assert_eq!(again.header("location"), Some(format!("/api/calls/{call_id}").as_str()));
}

#[actix::test]
async fn the_same_key_with_another_body_is_a_422_and_other_businesses_have_keys_of_their_own() {
    let gate = a_gate_with_a_business().await;
    gate.put_business("43", "PRO").await;
    gate.post_call_once("key", &a_call("42")).await.expect(201);
    let mut other = a_call("42");
    other["agentId"] = json!("agent_2");

    gate.post_call_once("key", &other).await.problem(422, "IDEMPOTENCY_KEY_REUSED");

    let neighbour = gate.post_call_once("key", &a_call("43")).await;
    neighbour.expect(201);
    assert!(!replayed(&neighbour));
    assert_eq!(gate.provider.dialled().await, 2);
}

#[actix::test]
async fn after_a_refusal_for_want_of_a_slot_the_same_key_may_be_tried_again() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("42", "PRO").await;
    let blocking = gate.start_call("42").await;
    for _ in 0..3 {
        gate.post_call_once("key", &a_call("42")).await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
    gate.provider.hang_up_all().await;
    gate.call_becomes(&blocking, "ended").await;

    let answer = gate.post_call_once("key", &a_call("42")).await;

    answer.expect(201);
    assert!(!replayed(&answer));
    assert!(replayed(&gate.post_call_once("key", &a_call("42")).await));
    assert_eq!(gate.provider.dialled().await, 2);
}

#[actix::test]
async fn after_a_429_of_the_provider_the_same_key_may_be_tried_again_with_another_call() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"placement": "429", "placementCount": 2})).await;
    let mut failed = BTreeSet::new();
    for _ in 0..2 {
        let problem = gate.post_call_once("key", &a_call("42")).await.problem(503, "ELEVENLABS_429_RATE_LIMIT");
        failed.insert(problem["callId"].as_str().unwrap().to_owned());
    }

    let call = gate.post_call_once("key", &a_call("42")).await.expect(201);

    assert!(!failed.contains(call["callId"].as_str().unwrap()), "every attempt is a call of its own");
    assert_eq!((failed.len(), gate.provider.dialled().await), (2, 1));
    assert_eq!(gate.post_call_once("key", &a_call("42")).await.expect(200)["callId"], call["callId"]);
}

#[actix::test]
async fn a_502_and_a_504_are_replayed_and_nothing_is_asked_again() {
    let gate = Gate::builder().env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1").start().await;
    gate.put_business("42", "PRO").await;
    for (placement, status, code) in
        [("422", 502, "CALL_INITIATION_FAILED"), ("hang_after_dial", 504, "CALL_OUTCOME_UNKNOWN")]
    {
        gate.provider.behave(json!({"placement": placement, "placementCount": 1})).await;
        let first = gate.post_call_once(placement, &a_call("42")).await;
        let problem = first.problem(status, code);
        assert!(!replayed(&first));
        for _ in 0..3 {
            let again = gate.post_call_once(placement, &a_call("42")).await;
            assert_eq!(again.problem(status, code)["callId"], problem["callId"]);
            assert!(replayed(&again), "{again}");
        }
    }
    assert_eq!(gate.provider.dialled().await, 1);
    let requests = r#"callgate_provider_requests_total{operation="place""#;
    assert_eq!(gate.metric_sum(requests).await, 2);
    gate.holds(1).await;
}

#[actix::test]
async fn i4_a_key_outlives_the_process() {
    let mut gate = a_gate_with_a_business().await;
    let call_id = gate.post_call_once("key", &a_call("42")).await.expect(201)["callId"].clone();
    gate.kill_9();

    gate.start_again().await;
    let answers = join_all((0..5).map(|_| async { gate.post_call_once("key", &a_call("42")).await.expect(200) })).await;

    assert!(answers.iter().all(|answer| answer["callId"] == call_id), "{answers:?}");
    assert_eq!(gate.provider.dialled().await, 1);
    gate.holds(1).await;
}

#[actix::test]
async fn a_key_that_is_empty_or_endless_is_refused_before_anything_happens() {
    let gate = a_gate_with_a_business().await;
    for key in ["", &"k".repeat(5_000)] {
        gate.post_call_once(key, &a_call("42")).await.problem(400, "INVALID_REQUEST");
    }
    assert_eq!(gate.provider.dialled().await, 0);
}
