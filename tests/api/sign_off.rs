//! The sign-off of a deployment: tests A, B and C of the contract with the platform.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::gate::{Gate, a_call};
use crate::support::http::Answer;
use crate::support::wait::settles;

/// Ten calls at once: eight businesses of three plans, none of them beyond its own limit.
const TEN_CALLS: [&str; 10] =
    ["payg-1", "payg-2", "payg-3", "pro-1", "pro-1", "pro-2", "pro-3", "ent-1", "ent-1", "ent-2"];

async fn given_eight_businesses_of_three_plans(gate: &Gate) {
    for business in ["payg-1", "payg-2", "payg-3", "pro-1", "pro-2", "pro-3", "ent-1", "ent-2"] {
        let plan = match business.split_once('-').unwrap().0 {
            "payg" => "PAYG",
            "pro" => "PRO",
            _ => "ENTERPRISE",
        };
        gate.put_business(business, plan).await;
    }
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.code() == status).collect()
}

/// The started and the refused of ten calls at once.
async fn ten_calls_at_once(gate: &Gate) -> Vec<Answer> {
    join_all(TEN_CALLS.map(|business| gate.post_call(business))).await
}

fn assert_five_start_and_five_are_refused(answers: &[Answer]) {
    let (started, refused) = (with_status(answers, 201), with_status(answers, 503));
    assert_eq!((started.len(), refused.len()), (5, 5), "{answers:?}");
    for answer in refused {
        let problem = answer.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
        assert_eq!(answer.header("retry-after"), Some(problem["retryAfter"].to_string().as_str()));
        assert!((60..=66).contains(&problem["retryAfter"].as_u64().unwrap()), "{answer}");
        assert_eq!((&problem["globalCurrent"], &problem["globalLimit"]), (&json!(5), &json!(5)), "{answer}");
        assert!(problem["callId"].is_null(), "a refusal before admission has no call: {answer}");
    }
}

#[actix::test]
async fn test_a_i1_of_ten_calls_at_once_exactly_five_start_and_five_are_told_when_to_come_back() {
    let gate = Gate::builder().cap(5).start().await;
    given_eight_businesses_of_three_plans(&gate).await;
    gate.provider.behave(json!({"answerDelayMs": 200})).await;

    let answers = ten_calls_at_once(&gate).await;

    assert_five_start_and_five_are_refused(&answers);
    let state = gate.provider.state().await;
    assert_eq!((&state["maxLive"], &state["dialled"], &state["rejected429"]), (&json!(5), &json!(5), &json!(0)));
    gate.holds(5).await;
    assert_eq!(gate.concurrent_metrics().await["totalRejections"], 5);
    assert_eq!(gate.metric_sum("concurrent_rejected_total{").await, 5);
}

#[actix::test]
async fn test_a_i3_after_the_ends_everything_is_zero_and_the_next_ten_find_five_slots_again() {
    let gate = Gate::builder().cap(5).start().await;
    given_eight_businesses_of_three_plans(&gate).await;

    for _ in 0..2 {
        assert_five_start_and_five_are_refused(&ten_calls_at_once(&gate).await);
        gate.provider.hang_up_all().await;
        gate.holds(0).await;
        assert_eq!(gate.provider.live().await, 0);
    }

    let ended = gate.get_calls("?status=ended&limit=100").await;
    assert_eq!(ended.len(), 10);
    assert!(ended.iter().all(|call| call["endReason"] == "completed" && call["endedAt"].is_string()), "{ended:?}");
    assert_eq!(gate.provider.state().await["maxLive"], 5);
}

#[actix::test]
async fn test_b_an_inbound_call_that_finds_no_slot_is_hung_up_and_counted_once() {
    let gate = Gate::builder().cap(5).start().await;
    gate.put_business("full", "ENTERPRISE").await;
    gate.start_calls("full", 5).await;

    let conversation = gate.provider.start_inbound("agent_nobody").await;
    let call = gate.call_of(&conversation).await;
    let call_id = call["callId"].as_str().unwrap();
    let call = gate.call_becomes(call_id, "terminated_capacity").await;

    assert_eq!((&call["direction"], &call["endReason"]), (&json!("inbound"), &json!("capacity")));
    assert_eq!(gate.provider.call(&conversation).await["live"], false);
    let rejected = r#"concurrent_rejected_total{reason="capacity_inbound",plan="inbound"}"#;
    assert_eq!(gate.metric(rejected).await, 1);
    gate.holds(5).await;

    let events = gate.events_of(call_id).await;
    gate.provider.send_webhook(&conversation, "conversation.ended").await;
    gate.provider.send_webhook(&conversation, "conversation.started").await;
    gate.provider.send_webhook(&conversation, "post_call_transcription").await;

    assert_eq!(gate.events_of(call_id).await, events, "what is over is not changed by its echo");
    assert_eq!(gate.get_call(call_id).await["status"], "terminated_capacity");
    assert_eq!(gate.metric(rejected).await, 1);
    gate.holds(5).await;
}

#[actix::test]
async fn test_b_a_hang_up_that_is_refused_is_tried_again_and_the_call_is_counted_until_it_is_over() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("full", "ENTERPRISE").await;
    gate.start_call("full").await;
    gate.provider.behave(json!({"terminate": "refuse"})).await;

    let conversation = gate.provider.start_inbound("agent_nobody").await;
    let call = gate.call_of(&conversation).await;
    let status = gate.status().await;
    assert_eq!((&status["overflow"], &status["activeCalls"]), (&json!(1), &json!(1)), "it is live, without a slot");
    gate.provider.behave(json!({"terminate": "ok"})).await;

    let call = gate.call_becomes(call["callId"].as_str().unwrap(), "terminated_capacity").await;
    assert_eq!(call["endReason"], "capacity");
    settles(json!(0), async || gate.status().await["overflow"].clone()).await;
    gate.holds(1).await;
}

#[actix::test]
async fn test_b_by_policy_an_inbound_call_may_stay_and_counts_as_overflow() {
    let gate = Gate::builder().cap(1).env("CALLGATE__INBOUND__ON_FULL", "admit").start().await;
    gate.put_business("full", "ENTERPRISE").await;
    let outbound = gate.start_call("full").await;

    let conversation = gate.provider.start_inbound("agent_nobody").await;
    let call = gate.call_of(&conversation).await;

    assert_eq!(call["status"], "active");
    let status = gate.status().await;
    assert_eq!((&status["overflow"], &status["activeCalls"]), (&json!(1), &json!(1)), "{status}");
    gate.provider.hang_up(&gate.conversation_of(&outbound).await).await;
    gate.call_becomes(&outbound, "ended").await;
    gate.post_call("full").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    gate.provider.hang_up(&conversation).await;
    settles(json!(0), async || gate.status().await["overflow"].clone()).await;
    gate.start_call("full").await;
}

/// A gate whose provider answers the next placement so, with a business that may have calls.
async fn a_gate_whose_provider(behaviour: Value) -> Gate {
    let gate = Gate::builder().cap(1).env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1").start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.behave(behaviour).await;
    gate
}

#[actix::test]
async fn test_c_a_429_is_passed_on_with_the_time_that_the_provider_asks_for() {
    let gate = a_gate_whose_provider(json!({"placement": "429", "placementCount": 1, "retryAfterSeconds": 17})).await;

    let answer = gate.post_call("42").await;

    let problem = answer.problem(503, "ELEVENLABS_429_RATE_LIMIT");
    assert_eq!((answer.header("retry-after"), &problem["retryAfter"]), (Some("17"), &json!(17)));
    assert_eq!(gate.metric("elevenlabs_429_total").await, 1);
    assert_eq!(gate.concurrent_metrics().await["elevenlabs429Count"], 1);
    let call = gate.get_call(problem["callId"].as_str().unwrap()).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("failed"), &json!("provider_429")));
    gate.holds(0).await;
    gate.start_call("42").await;
}

#[actix::test]
async fn test_c_a_429_without_a_time_says_sixty_seconds() {
    let gate = a_gate_whose_provider(json!({"placement": "429"})).await;

    let problem = gate.post_call("42").await.problem(503, "ELEVENLABS_429_RATE_LIMIT");

    assert!((60..=66).contains(&problem["retryAfter"].as_u64().unwrap()), "{problem}");
    gate.holds(0).await;
}

#[actix::test]
async fn test_c_a_placement_that_the_provider_refuses_is_a_502_and_frees_its_slot() {
    let gate = a_gate_whose_provider(json!({})).await;
    for placement in ["success_false", "422"] {
        gate.provider.behave(json!({"placement": placement})).await;

        let problem = gate.post_call("42").await.problem(502, "CALL_INITIATION_FAILED");

        let call = gate.get_call(problem["callId"].as_str().unwrap()).await;
        assert_eq!(
            (&call["status"], &call["endReason"]),
            (&json!("failed"), &json!("provider_refused")),
            "{placement}"
        );
        gate.holds(0).await;
    }
    assert_eq!(gate.provider.dialled().await, 0);
    assert_eq!(gate.metric("elevenlabs_429_total").await, 0);
}

#[actix::test]
async fn test_c_after_a_dial_without_an_answer_the_slot_is_kept_and_nothing_is_dialled_again() {
    for placement in ["hang_after_dial", "500_after_dial", "reset_after_dial"] {
        let gate = a_gate_whose_provider(json!({"placement": placement, "placementCount": 1})).await;
        let call = a_call("42");
        let ask = || gate.post_call_once("once", &call);

        let problem = ask().await.problem(504, "CALL_OUTCOME_UNKNOWN");

        let call_id = problem["callId"].as_str().unwrap();
        assert_eq!(gate.get_call(call_id).await["status"], "uncertain", "{placement}");
        gate.holds(1).await;
        assert_eq!(ask().await.problem(504, "CALL_OUTCOME_UNKNOWN")["callId"], call_id, "{placement}");
        gate.post_call("42").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
        assert_eq!(gate.provider.dialled().await, 1, "{placement}");

        let call = gate.sweeps_until(call_id, "active").await;
        let live = gate.provider.live_conversations().await;
        assert_eq!(call["providerCallId"], live[0], "{placement}: the sweep found it at the provider");
        gate.provider.hang_up_all().await;
        gate.holds(0).await;
        assert_eq!(gate.provider.dialled().await, 1, "{placement}");
    }
}

#[actix::test]
async fn test_c_a_500_without_a_dial_keeps_its_slot_until_the_provider_was_asked_twice() {
    let gate = a_gate_whose_provider(json!({"placement": "500", "placementCount": 1})).await;

    let problem = gate.post_call("42").await.problem(504, "CALL_OUTCOME_UNKNOWN");

    gate.holds(1).await;
    let call = gate.sweeps_until(problem["callId"].as_str().unwrap(), "failed").await;
    assert_eq!(call["endReason"], "provider_missing");
    gate.holds(0).await;
    assert_eq!(gate.provider.dialled().await, 0);
}
