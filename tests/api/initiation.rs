//! The question before an inbound call talks.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::gate::{Gate, SECRET};
use crate::support::wait::{eventually, settles};
use crate::support::webhook::flat;

fn question(call_sid: &str) -> Value {
    json!({"caller_id": "+12065550199", "agent_id": "agent_in", "called_number": "+12065550100", "call_sid": call_sid})
}

/// The call's id and whether there is room for it.
async fn asked(gate: &Gate, call_sid: &str) -> (String, String) {
    let answer = gate.post_initiation(Some(SECRET), &question(call_sid)).await.expect(200);
    assert_eq!(answer["type"], "conversation_initiation_client_data");
    let variable = |name: &str| answer["dynamic_variables"][name].as_str().unwrap().to_owned();
    (variable("callgate_call_id"), variable("callgate_capacity"))
}

#[actix::test]
async fn an_inbound_call_has_its_slot_before_it_talks_and_its_start_finds_it() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_in").await;

    let (call_id, capacity) = asked(&gate, "CA1").await;

    assert_eq!(capacity, "ok");
    let call = gate.get_call(&call_id).await;
    assert_eq!((&call["direction"], &call["businessId"]), (&json!("inbound"), &json!("42")));
    gate.holds(1).await;
    let started = flat("conversation.started", "conv_in", "agent_in", &json!({"call_sid": "CA1"}));
    assert_eq!(gate.outcome_of(&started).await, "bound");
    assert_eq!(gate.call_of("conv_in").await["callId"], call_id);
    gate.holds(1).await;
    assert_eq!(gate.outcome_of(&flat("conversation.ended", "conv_in", "agent_in", &json!({}))).await, "ended");
    gate.holds(0).await;
}

#[actix::test]
async fn i4_a_question_asked_five_times_at_once_is_one_call() {
    let gate = Gate::start().await;

    let answers = join_all((0..5).map(|_| asked(&gate, "CA1"))).await;

    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].1, "ok");
    gate.holds(1).await;
    assert_eq!(gate.get_calls("?limit=100").await.len(), 1);
}

#[actix::test]
async fn when_there_is_no_slot_the_answer_is_full_and_the_call_is_hung_up_when_it_is_there() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("42", "ENTERPRISE").await;
    gate.start_call("42").await;

    let call = gate.provider.post_inbound(json!({"agentId": "agent_in", "initiation": true})).await;

    assert_eq!(call["initiationStatus"], 200);
    let conversation = call["conversationId"].as_str().unwrap();
    assert_eq!(gate.provider.call(conversation).await["dynamicVariables"]["callgate_capacity"], "full");
    eventually("it is hung up", async || (gate.provider.call(conversation).await["live"] == false).then_some(())).await;
    let call_id = gate.call_of(conversation).await["callId"].as_str().unwrap().to_owned();
    gate.call_becomes(&call_id, "terminated_capacity").await;
    let rejected = r#"concurrent_rejected_total{reason="capacity_inbound",plan="inbound"}"#;
    assert_eq!(gate.metric(rejected).await, 1, "it was refused once");
    gate.holds(1).await;
}

#[actix::test]
async fn a_whole_inbound_call_from_question_to_end_is_one_call() {
    let gate = Gate::start().await;

    let call = gate.provider.post_inbound(json!({"agentId": "agent_in", "initiation": true})).await;

    let conversation = call["conversationId"].as_str().unwrap();
    let call_id = gate.call_of(conversation).await["callId"].clone();
    assert_eq!(gate.provider.call(conversation).await["dynamicVariables"]["callgate_call_id"], call_id);
    assert_eq!(gate.get_calls("?limit=100").await.len(), 1);
    gate.holds(1).await;
    gate.provider.hang_up(conversation).await;
    gate.holds(0).await;
    settles(json!("ended"), async || gate.call_of(conversation).await["status"].clone()).await;
}

/// A conversation that says nothing of the question that was asked before it, but has the same `call_sid`.
async fn silent_conversation(gate: &Gate, call_sid: &str) -> String {
    let call = json!({"agentId": "agent_in", "callSid": call_sid, "webhook": false});
    gate.provider.post_inbound(call).await["conversationId"].as_str().unwrap().to_owned()
}

#[actix::test]
async fn a_sweep_that_finds_the_conversation_binds_it_by_its_call_sid() {
    let gate = Gate::start().await;
    let (call_id, _) = asked(&gate, "CA1").await;
    let conversation = silent_conversation(&gate, "CA1").await;

    eventually("a sweep binds it", async || {
        gate.post_reconciliation().await;
        (gate.get_call(&call_id).await["providerCallId"] == conversation).then_some(())
    })
    .await;

    assert_eq!(gate.get_calls("?limit=100").await.len(), 1);
    assert_eq!(gate.status().await["overflow"], 0);
    gate.holds(1).await;
    gate.provider.hang_up(&conversation).await;
    gate.holds(0).await;
}

#[actix::test]
async fn i3_an_end_alone_finds_the_call_that_was_asked_for_by_its_call_sid() {
    let gate = Gate::start().await;
    let (call_id, _) = asked(&gate, "CA1").await;
    let conversation = silent_conversation(&gate, "CA1").await;
    gate.holds(1).await;

    gate.provider.hang_up(&conversation).await;

    gate.holds(0).await;
    let call = gate.get_call(&call_id).await;
    assert_eq!((&call["status"], &call["providerCallId"]), (&json!("ended"), &json!(conversation)));
}

#[actix::test]
async fn one_that_never_gets_a_conversation_ends_as_never_bound() {
    let gate = Gate::builder().env("CALLGATE__INBOUND__BIND_TIMEOUT_SECONDS", "1").start().await;

    let (call_id, _) = asked(&gate, "CA1").await;
    gate.holds(1).await;

    let call = eventually("it is given up, by a look that nobody asked for", async || {
        let call = gate.get_call(&call_id).await;
        call["endedAt"].is_string().then_some(call)
    })
    .await;
    assert_eq!(call["endReason"], "never_bound");
    gate.holds(0).await;
}

#[actix::test]
async fn only_who_knows_the_secret_may_ask_and_only_what_can_be_read_is_answered() {
    let gate = Gate::start().await;
    for secret in [None, Some(""), Some("another secret")] {
        let answer = gate.post_initiation(secret, &question("CA1")).await;
        assert_eq!(answer.code(), 401, "{answer}");
        answer.any_problem();
    }
    for body in [json!(null), json!([]), json!({}), json!({"agent_id": "agent_in"}), json!({"call_sid": "CA1"})] {
        gate.post_initiation(Some(SECRET), &body).await.problem(400, "INVALID_REQUEST");
    }
    gate.holds(0).await;
}
