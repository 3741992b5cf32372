//! Calls that are hung up by their carrier, for those who own their numbers.

use serde_json::{Value, json};

use crate::support::gate::Gate;
use crate::support::twilio::given;
use crate::support::wait::settles;
use crate::twilio::{BUSY, a_gate, id_of, ring, the_inbound_call};

/// Hangs the one inbound call up, and waits until that is confirmed.
async fn hang_up_the_inbound_call(gate: &Gate) -> Value {
    let call_id = id_of(&the_inbound_call(gate).await);
    gate.delete_call(&call_id).await.expect(202);
    let call = gate.call_becomes(&call_id, "ended").await;
    assert_eq!(call["endReason"], "operator");
    let confirmed = r#"callgate_hangups_total{way="twilio",outcome="confirmed"}"#;
    settles(1, async || gate.metric(confirmed).await).await;
    gate.holds(0).await;
    call
}

#[actix::test]
async fn a_call_is_hung_up_by_its_carrier_again_where_that_failed() {
    let gate = given(Gate::builder().env("CALLGATE__PROVIDER__TERMINATE", "twilio")).await;
    let conversation = ring(&gate).await["conversationId"].as_str().unwrap().to_owned();
    gate.provider.silence_the_carrier().await;
    gate.provider.behave(json!({"webhooks": {"lose": true}, "terminate": "refuse", "terminateRefusals": 1})).await;

    hang_up_the_inbound_call(&gate).await;

    assert_eq!(gate.provider.call(&conversation).await["endReason"], "carrier");
    assert_eq!(gate.metric(r#"callgate_hangups_total{way="twilio",outcome="failed"}"#).await, 1);
}

#[actix::test]
async fn a_call_is_hung_up_by_its_carrier_while_the_provider_cannot_be_asked() {
    let gate = a_gate().await;
    ring(&gate).await;
    gate.provider.silence_the_carrier().await;
    gate.provider.behave(json!({"webhooks": {"lose": true}, "api": "500"})).await;

    hang_up_the_inbound_call(&gate).await;

    assert_eq!(gate.provider.live().await, 0);
}

#[actix::test]
async fn one_that_was_refused_at_its_initiation_is_hung_up_by_its_carrier() {
    let gate = given(Gate::builder().cap(1).env("CALLGATE__PROVIDER__TERMINATE", "twilio")).await;
    gate.start_call("42").await;

    let call = gate.provider.post_inbound(json!({"agentId": "agent_in", "initiation": true})).await;

    let call_id = id_of(&the_inbound_call(&gate).await);
    gate.call_becomes(&call_id, "terminated_capacity").await;
    assert_eq!(gate.provider.call(call["conversationId"].as_str().unwrap()).await["endReason"], "carrier");
    gate.holds(1).await;
    gate.provider.hang_up_all().await;
}

#[actix::test]
async fn an_outbound_call_is_hung_up_by_its_carrier_too() {
    let gate = given(Gate::builder().env("CALLGATE__PROVIDER__TERMINATE", "twilio")).await;
    let call_id = gate.start_call("42").await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.delete_call(&call_id).await.expect(202);
    gate.call_becomes(&call_id, "ended").await;
    let conversation = gate.conversation_of(&call_id).await;
    assert_eq!(gate.provider.call(&conversation).await["endReason"], "carrier");
}

#[actix::test]
async fn a_call_that_never_was_a_conversation_is_over_when_its_carrier_says_so() {
    let gate = a_gate().await;
    gate.provider.silence_the_carrier().await;
    gate.provider.behave(json!({"placement": "500_after_dial"})).await;
    assert!(ring(&gate).await["answer"].as_str().unwrap().ends_with(BUSY));
    gate.holds(1).await;
    let call_id = id_of(&the_inbound_call(&gate).await);

    gate.delete_call(&call_id).await.expect(202);

    gate.call_becomes(&call_id, "ended").await;
    gate.holds(0).await;
}
