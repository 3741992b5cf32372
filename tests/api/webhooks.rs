//! What the provider says, in any order and as often as it likes: each thing has its effect once (I4).

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::gate::Gate;
use crate::support::webhook::{ending, flat, inbound_started, signed};

async fn a_gate_with_a_business() -> Gate {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate
}

/// Five deliveries of the same bytes at once; their outcomes, sorted.
async fn five_at_once(gate: &Gate, body: &Value) -> Vec<String> {
    let deliveries = (0..5).map(|_| gate.outcome_of(body));
    let mut outcomes = join_all(deliveries).await;
    outcomes.sort();
    outcomes
}

fn one_and_four_duplicates(outcome: &str) -> Vec<String> {
    let mut outcomes = vec!["duplicate".to_owned(); 4];
    outcomes.push(outcome.to_owned());
    outcomes.sort();
    outcomes
}

#[rstest]
#[case("conversation.ended", "ended", "ended")]
#[case("conversation_ended", "ended", "ended")]
#[case("post_call_transcription", "ended", "ended")]
#[case("post_call_audio", "ended", "ended")]
#[case("call_initiation_failure", "failed", "failed")]
#[actix::test]
async fn i4_an_end_delivered_five_times_at_once_is_one_end(
    #[case] kind: &str,
    #[case] outcome: &str,
    #[case] status: &str,
) {
    let gate = a_gate_with_a_business().await;
    let ids = gate.start_calls("42", 2).await;
    let body = ending(kind, &gate.conversation_of(&ids[0]).await, "agent_1");

    assert_eq!(five_at_once(&gate, &body).await, one_and_four_duplicates(outcome));

    let mut said_again = body.clone();
    said_again["another"] = json!("body");
    assert_eq!(gate.outcome_of(&said_again).await, "duplicate", "other bytes that say the same");
    let ends = gate.events_of(&ids[0]).await.into_iter().filter(|event| event == "CallEnded").count();
    assert_eq!(ends, 1);
    assert_eq!(gate.get_call(&ids[0]).await["status"], status);
    gate.holds(1).await;
    let counted = format!(r#"callgate_webhooks_total{{type="{kind}",outcome="{outcome}"}}"#);
    assert_eq!(gate.metric(&counted).await, 1, "{counted}");
    gate.provider.hang_up_all().await;
}

#[rstest]
#[case("conversation.started")]
#[case("conversation_started")]
#[actix::test]
async fn i4_a_start_delivered_five_times_at_once_is_one_call(#[case] kind: &str) {
    let gate = a_gate_with_a_business().await;
    gate.put_agent("42", "agent_in").await;
    let body = flat(kind, "conv_in", "agent_in", &json!({"direction": "inbound"}));

    assert_eq!(five_at_once(&gate, &body).await, one_and_four_duplicates("admitted"));

    let mut said_again = body.clone();
    said_again["another"] = json!("body");
    assert_ne!(gate.outcome_of(&said_again).await, "admitted");
    let call = gate.call_of("conv_in").await;
    assert_eq!((&call["businessId"], &call["status"]), (&json!("42"), &json!("active")));
    gate.holds(1).await;
    let admitted = r#"callgate_admissions_total{plan="PRO",direction="inbound"}"#;
    assert_eq!(gate.metric(admitted).await, 1);
}

#[actix::test]
async fn i4_starts_of_one_conversation_that_differ_in_bytes_and_come_at_once_are_one_call() {
    let gate = a_gate_with_a_business().await;
    let bodies: Vec<Value> = (0..5)
        .map(|number| {
            let mut body = inbound_started("conv_in", "agent_in");
            body["delivery"] = json!(number);
            body
        })
        .collect();

    let mut outcomes = join_all(bodies.iter().map(|body| gate.outcome_of(body))).await;

    outcomes.sort();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "admitted").count(), 1, "{outcomes:?}");
    assert_eq!(gate.get_calls("?providerCallId=conv_in").await.len(), 1);
    gate.holds(1).await;
}

#[actix::test]
async fn i4_a_provider_that_delivers_everything_five_times_out_of_order_changes_no_count() {
    let gate = a_gate_with_a_business().await;
    let weather = json!({"duplicate": 4, "reorder": true, "outboundStarted": true});
    gate.provider.behave(json!({"webhooks": weather})).await;

    let ids = gate.start_calls("42", 3).await;
    gate.holds(3).await;
    gate.provider.hang_up_all().await;
    gate.provider.webhooks_sent(30).await;

    gate.holds(0).await;
    for call_id in ids {
        assert_eq!(gate.get_call(&call_id).await["status"], "ended");
        let events = gate.events_of(&call_id).await;
        for once in ["CallRequested", "CallAdmitted", "CallPlaced", "CallEnded"] {
            assert_eq!(events.iter().filter(|event| *event == once).count(), 1, "{once} in {events:?}");
        }
    }
    let admitted = r#"callgate_admissions_total{plan="PRO",direction="outbound"}"#;
    assert_eq!(gate.metric(admitted).await, 3);
    assert_eq!(gate.get_calls("?limit=100").await.len(), 3);
}

#[actix::test]
async fn an_end_before_its_start_leaves_no_call_behind() {
    let gate = a_gate_with_a_business().await;

    assert_eq!(gate.outcome_of(&ending("post_call_transcription", "conv_in", "agent_in")).await, "parked");
    let outcome = gate.outcome_of(&inbound_started("conv_in", "agent_in")).await;

    assert_ne!(outcome, "admitted");
    gate.post_reconciliation().await;
    gate.holds(0).await;
}

#[actix::test]
async fn a_start_after_its_end_opens_nothing() {
    let gate = a_gate_with_a_business().await;
    assert_eq!(gate.outcome_of(&inbound_started("conv_in", "agent_in")).await, "admitted");
    assert_eq!(gate.outcome_of(&ending("conversation.ended", "conv_in", "agent_in")).await, "ended");
    let call_id = gate.call_of("conv_in").await["callId"].as_str().unwrap().to_owned();
    let events = gate.events_of(&call_id).await;

    let mut late = inbound_started("conv_in", "agent_in");
    late["late"] = json!(true);

    let outcome = gate.outcome_of(&late).await;
    assert!(["duplicate", "ignored"].contains(&outcome.as_str()), "{outcome}");
    assert_eq!(gate.events_of(&call_id).await, events);
    gate.holds(0).await;
}

#[actix::test]
async fn the_started_webhook_of_an_outbound_call_that_overtakes_the_answer_is_the_same_call() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"answerDelayMs": 300, "webhooks": {"outboundStarted": true}})).await;

    let call_id = gate.start_call("42").await;

    let conversation = gate.conversation_of(&call_id).await;
    assert_eq!(gate.call_of(&conversation).await["callId"], call_id);
    assert_eq!(gate.get_calls("?limit=100").await.len(), 1);
    gate.holds(1).await;
    gate.provider.send_webhook(&conversation, "conversation.started").await;
    gate.holds(1).await;
    gate.provider.hang_up(&conversation).await;
    gate.holds(0).await;
}

#[actix::test]
async fn a_failure_webhook_that_overtakes_the_answer_ends_the_call_once() {
    let gate = a_gate_with_a_business().await;
    gate.provider.behave(json!({"failureWebhookFirst": true, "answerDelayMs": 200})).await;

    let answer = gate.post_call_once("once", &crate::support::gate::a_call("42")).await;

    assert!([201, 502].contains(&answer.code()), "{answer}");
    let call_id = answer.json()["callId"].as_str().unwrap().to_owned();
    let call = gate.call_becomes(&call_id, "failed").await;
    assert_eq!(call["endReason"], "busy");
    let ends = gate.events_of(&call_id).await.into_iter().filter(|event| event == "CallEnded").count();
    assert_eq!(ends, 1);
    gate.holds(0).await;
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn a_start_that_waits_for_a_placement_and_is_not_its_own_becomes_an_inbound_call() {
    let gate = a_gate_with_a_business().await;
    gate.put_agent("42", "agent_1").await;
    gate.provider.behave(json!({"answerDelayMs": 1_000})).await;
    let placing = gate.post_call_async("42").await.expect(202)["callId"].as_str().unwrap().to_owned();

    let stranger = flat("conversation.started", "conv_stranger", "agent_1", &json!({}));
    assert_eq!(gate.outcome_of(&stranger).await, "parked");
    gate.call_becomes(&placing, "active").await;

    let call = gate.call_of("conv_stranger").await;
    assert_eq!((&call["direction"], &call["status"]), (&json!("inbound"), &json!("active")));
    assert_ne!(call["callId"], placing);
    gate.holds(2).await;
}

#[actix::test]
async fn a_type_that_nobody_knows_is_taken_in_and_ignored() {
    let gate = a_gate_with_a_business().await;

    for kind in ["voice_removal_notice", "something_new", "conversation.paused"] {
        let body = json!({"type": kind, "data": {"conversation_id": "conv_1"}});
        assert_eq!(gate.outcome_of(&body).await, "ignored", "{kind}");
    }

    let ignored = gate.metrics().await;
    let ignored: Vec<&str> = ignored.lines().filter(|line| line.contains(r#"outcome="ignored""#)).collect();
    assert!(ignored.len() == 1 && ignored[0].ends_with(" 3"), "strangers share one label: {ignored:?}");
    gate.holds(0).await;
}

#[actix::test]
async fn an_inbound_call_of_a_business_that_takes_none_is_hung_up() {
    let gate = a_gate_with_a_business().await;
    let closed = json!({"name": "closed", "plan": "PRO", "status": "ACTIVE", "inboundEnabled": false});
    let suspended = json!({"name": "suspended", "plan": "PRO", "status": "SUSPENDED"});
    for (business, body) in [("closed", closed), ("suspended", suspended)] {
        gate.change_business(business, &body).await;
        let agent = format!("agent_{business}");
        gate.put_agent(business, &agent).await;

        let conversation = gate.provider.start_inbound(&agent).await;

        let call = gate.call_of(&conversation).await;
        let call = gate.call_becomes(call["callId"].as_str().unwrap(), "ended").await;
        assert_eq!(call["endReason"], "inbound_disabled", "{business}");
        assert_eq!(gate.provider.call(&conversation).await["live"], false);
    }
    gate.holds(0).await;
}

#[actix::test]
async fn a_recording_of_many_megabytes_is_an_end_like_any_other_and_more_than_25_is_refused() {
    let gate = a_gate_with_a_business().await;
    let call_id = gate.start_call("42").await;
    let mut body = ending("post_call_audio", &gate.conversation_of(&call_id).await, "agent_1");
    body["data"]["full_audio"] = json!("A".repeat(24 << 20));

    assert_eq!(gate.outcome_of(&body).await, "ended");

    let too_much = "A".repeat((25 << 20) + 1);
    gate.ask(signed(&too_much)).await.problem(413, "PAYLOAD_TOO_LARGE");
}

#[rstest]
#[case("")]
#[case("{")]
#[case("[]")]
#[case("null")]
#[case("\"text\"")]
#[case("{}")]
#[case(r#"{"type": 7}"#)]
#[case(r#"{"type": ""}"#)]
#[case(r#"{"type": "conversation.ended"}"#)]
#[case(r#"{"type": "conversation.started", "conversation_id": ""}"#)]
#[case(r#"{"type": "post_call_transcription", "data": []}"#)]
#[case(r#"{"type": "post_call_audio", "data": {"conversation_id": 5}}"#)]
#[actix::test]
async fn a_believed_webhook_that_cannot_be_read_is_a_400(#[case] body: &str) {
    let gate = Gate::start().await;
    gate.ask(signed(body)).await.problem(400, "INVALID_REQUEST");
}
