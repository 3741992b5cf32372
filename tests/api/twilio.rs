//! Those who own their numbers: the carrier asks before it connects a call, and says when it is over.

use futures_util::future::{join, join_all};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::gate::{Builder, Gate};
use crate::support::proxy::Line;
use crate::support::twilio::{STATUS, VOICE, VOICE_OF_AGENT, given, ringing, standing};
use crate::support::wait::{eventually, settles};

pub(crate) const BUSY: &str = "<Response><Reject reason=\"busy\"/></Response>";
const REJECTED: &str = "<Response><Reject reason=\"rejected\"/></Response>";

pub(crate) async fn a_gate() -> Gate {
    given(Gate::builder()).await
}

/// Somebody calls the agent's own number; no started webhook follows.
pub(crate) async fn ring(gate: &Gate) -> Value {
    let call = json!({"door": "twilio", "agentId": "agent_in", "from": "+12065550199", "webhook": false});
    gate.provider.post_inbound(call).await
}

/// The one inbound call that there is.
pub(crate) async fn the_inbound_call(gate: &Gate) -> Value {
    let calls = gate.get_calls("?limit=100").await;
    let mut inbound = calls.into_iter().filter(|call| call["direction"] == "inbound");
    let call = inbound.next().expect("there is an inbound call");
    assert!(inbound.next().is_none(), "there is one inbound call");
    call
}

pub(crate) fn id_of(call: &Value) -> String {
    call["callId"].as_str().unwrap().to_owned()
}

/// How the provider and its carrier see it: live, ever begun, expected.
async fn seen_by_the_provider(gate: &Gate) -> Value {
    let state = gate.provider.state().await;
    json!([state["live"], state["started"], state["carrier"]["registered"]])
}

async fn status_callbacks(gate: &Gate, outcome: &str) -> u64 {
    gate.metric(&format!(r#"callgate_webhooks_total{{type="twilio_status",outcome="{outcome}"}}"#)).await
}

#[actix::test]
async fn i1_a_call_has_its_slot_before_the_agent_talks_its_conversation_finds_it_and_the_carrier_frees_it() {
    let gate = a_gate().await;

    let rung = ring(&gate).await;

    gate.holds(1).await;
    let conversation = rung["conversationId"].as_str().expect("it is connected");
    let call = the_inbound_call(&gate).await;
    assert_eq!(
        (&call["businessId"], &call["status"], &call["providerCallId"]),
        (&json!("42"), &json!("active"), &Value::Null)
    );
    let seen = gate.provider.call(conversation).await;
    assert_eq!((&seen["callgateCallId"], &seen["userId"]), (&call["callId"], &call["callId"]));
    assert_eq!(seen["dynamicVariables"]["business_id"], "42");
    gate.provider.send_webhook(conversation, "conversation.started").await;
    assert_eq!(gate.call_of(conversation).await["callId"], call["callId"], "it is found by its call_sid");
    gate.holds(1).await;

    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up(conversation).await;

    gate.holds(0).await;
    let call = the_inbound_call(&gate).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("ended"), &json!("completed")));
    assert_eq!(
        gate.events_of(&id_of(&call)).await,
        ["InboundReceived", "CallAdmitted", "ReferencesLearned", "CallEnded"]
    );
}

#[actix::test]
async fn i1_without_a_slot_the_line_is_busy_and_the_provider_never_hears_of_the_call() {
    let gate = given(Gate::builder().cap(1)).await;
    gate.start_call("42").await;

    let rung = ring(&gate).await;

    assert_eq!(rung["conversationId"], Value::Null);
    assert!(rung["answer"].as_str().unwrap().ends_with(BUSY), "{rung}");
    assert_eq!(seen_by_the_provider(&gate).await, json!([1, 1, 0]));
    let call = the_inbound_call(&gate).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("terminated_capacity"), &json!("capacity")));
    settles(1, async || status_callbacks(&gate, "duplicate").await).await;
    assert_eq!(
        gate.events_of(&id_of(&call)).await,
        ["InboundReceived", "CallEnded"],
        "the carrier's report is no news"
    );
    assert_eq!(gate.metric(r#"concurrent_rejected_total{reason="capacity_inbound",plan="inbound"}"#).await, 1);
    eventually("the refusal is in the feed", async || {
        let latest = gate.get("/api/concurrent-metrics/events?limit=20").await.text();
        latest.contains("AdmissionRejected").then_some(())
    })
    .await;
    gate.holds(1).await;
    gate.provider.hang_up_all().await;
}

#[actix::test]
async fn without_a_slot_an_announcement_is_read_out_where_there_is_one() {
    let gate = given(Gate::builder().cap(1).env("CALLGATE__INBOUND__ANNOUNCEMENT", "Ada & Bob are <busy>")).await;
    gate.start_call("42").await;

    let rung = ring(&gate).await;

    let said = "<Response><Say>Ada &amp; Bob are &lt;busy&gt;</Say><Hangup/></Response>";
    assert!(rung["answer"].as_str().unwrap().ends_with(said), "{rung}");
    assert_eq!(seen_by_the_provider(&gate).await, json!([1, 1, 0]));
    gate.provider.hang_up_all().await;
}

#[actix::test]
async fn where_the_policy_keeps_calls_one_without_a_slot_is_connected_and_is_overflow() {
    let gate = given(Gate::builder().cap(1).env("CALLGATE__INBOUND__ON_FULL", "admit")).await;
    gate.start_call("42").await;

    assert!(ring(&gate).await["conversationId"].is_string());

    assert_eq!(gate.status().await["overflow"], 1);
    gate.provider.hang_up_all().await;
}

/// A gate that cannot learn from the provider who holds a slot.
async fn at_a_loss(builder: Builder) -> Gate {
    let gate = given(builder.behind_proxy().cut_off()).await;
    gate.provider.behave(json!({"api": "500"})).await;
    gate.proxy().set(Line::Forward);
    assert_eq!(gate.get("/health/ready").await.json()["mode"], "recovering");
    gate
}

#[actix::test]
async fn i7_while_nobody_knows_who_holds_a_slot_the_line_is_busy_and_the_provider_never_hears_of_the_call() {
    let gate = at_a_loss(Gate::builder()).await;

    let rung = ring(&gate).await;

    assert!(rung["answer"].as_str().unwrap().ends_with(BUSY), "{rung}");
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 0]));
    let call = the_inbound_call(&gate).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("terminated_capacity"), &json!("capacity")));
    assert_eq!(gate.events_of(&id_of(&call)).await, ["InboundReceived", "CallEnded"]);
    assert_eq!(gate.metric(r#"concurrent_rejected_total{reason="capacity_inbound",plan="inbound"}"#).await, 1);
    gate.provider.behave(json!({"api": "ok"})).await;
    gate.admits().await;
    gate.holds(0).await;
}

#[actix::test]
async fn while_nobody_knows_who_holds_a_slot_a_call_is_overflow_where_the_policy_keeps_calls() {
    let gate = at_a_loss(Gate::builder().env("CALLGATE__INBOUND__ON_FULL", "admit")).await;

    let rung = ring(&gate).await;

    assert!(rung["conversationId"].is_string(), "{rung}");
    let call = the_inbound_call(&gate).await;
    assert_eq!(gate.events_of(&id_of(&call)).await, ["InboundReceived", "CallOverflowed"]);
    gate.provider.behave(json!({"api": "ok"})).await;
    gate.admits().await;
    settles(json!(1), async || gate.status().await["overflow"].clone()).await;
    gate.provider.hang_up_all().await;
}

#[actix::test]
async fn a_business_that_takes_no_calls_rejects_them() {
    let gate = a_gate().await;
    let closed = json!({"name": "42", "plan": "PRO", "status": "ACTIVE", "inboundEnabled": false});
    gate.change_business("42", &closed).await;

    assert!(ring(&gate).await["answer"].as_str().unwrap().ends_with(REJECTED));

    assert_eq!(the_inbound_call(&gate).await["endReason"], "inbound_disabled");
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 0]));
    gate.holds(0).await;
}

#[actix::test]
async fn the_number_that_was_called_says_who_talks_and_an_unknown_one_is_turned_away() {
    let gate = a_gate().await;
    let number = json!({"phoneNumber": "+12065550100", "agentId": "agent_in"});
    gate.put_phone_number("42", "phnum_in", &number).await;
    gate.put_phone_number("42", "phnum_mute", &json!({"phoneNumber": "+12065550111"})).await;
    let mut hidden = ringing("CA1");
    hidden[2].1 = "anonymous";

    assert!(gate.twiml_for(VOICE, &hidden).await.contains("<Connect>"));

    assert_eq!(the_inbound_call(&gate).await["businessId"], "42");
    for to in ["+12065550111", "+12065550122", "sip:bob@example.com", ""] {
        let mut unknown = ringing("CA2");
        unknown[3].1 = to;
        assert!(gate.twiml_for(VOICE, &unknown).await.ends_with(REJECTED), "{to}");
    }
    assert_eq!(gate.metric(r#"callgate_webhooks_total{type="twilio_voice",outcome="no_agent"}"#).await, 4);
    assert_eq!(gate.outcome_of_status("CA2", "busy").await, "parked");
    gate.holds(1).await;
    assert_eq!(gate.outcome_of_status("CA1", "no-answer").await, "ended");
    gate.holds(0).await;
}

#[actix::test]
async fn i4_a_question_asked_five_times_at_once_and_again_is_one_call_with_one_answer() {
    let mut gate = a_gate().await;
    let fields = ringing("CA1");

    let answers = join_all((0..5).map(|_| gate.twiml_for(VOICE_OF_AGENT, &fields))).await;

    assert!(answers[0].contains("<Connect>"));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(gate.twiml_for(VOICE_OF_AGENT, &fields).await, answers[0]);
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 1]));
    gate.holds(1).await;

    gate.start_again().await;

    assert!(gate.twiml_for(VOICE_OF_AGENT, &fields).await.ends_with(BUSY), "it is not registered twice");
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 1]));
    assert_eq!(gate.get_calls("?limit=100").await.len(), 1);
    gate.holds(1).await;
    assert_eq!(gate.outcome_of_status("CA1", "busy").await, "ended");
    gate.holds(0).await;
}

#[actix::test]
async fn i1_a_question_that_is_asked_again_after_the_call_is_over_does_not_connect_it() {
    let gate = a_gate().await;
    let fields = ringing("CA1");
    assert!(gate.twiml_for(VOICE_OF_AGENT, &fields).await.contains("<Connect>"));
    assert_eq!(gate.outcome_of_status("CA1", "completed").await, "ended");
    gate.holds(0).await;

    assert!(gate.twiml_for(VOICE_OF_AGENT, &fields).await.ends_with(BUSY));

    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 1]), "it was expected once, and never began");
    let call = the_inbound_call(&gate).await;
    assert_eq!(gate.events_of(&id_of(&call)).await, ["InboundReceived", "CallAdmitted", "CallEnded"]);
    assert_eq!(gate.metric(r#"callgate_webhooks_total{type="twilio_voice",outcome="duplicate"}"#).await, 1);
    gate.holds(0).await;
}

#[rstest]
#[case::full("429", "provider_429")]
#[case::refused("422", "provider_refused")]
#[actix::test]
async fn i3_what_the_provider_certainly_does_not_expect_frees_its_slot(#[case] placement: &str, #[case] reason: &str) {
    let gate = a_gate().await;
    gate.provider.behave(json!({"placement": placement})).await;

    assert!(ring(&gate).await["answer"].as_str().unwrap().ends_with(BUSY));

    gate.holds(0).await;
    let call = the_inbound_call(&gate).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!("failed"), &json!(reason)));
    assert_eq!(gate.metric("elevenlabs_429_total").await, u64::from(placement == "429"));
}

#[rstest]
#[case::an_error("500_after_dial")]
#[case::silence("hang_after_dial")]
#[actix::test]
async fn i1_what_the_provider_may_expect_keeps_its_slot_until_the_carrier_says_that_it_is_over(
    #[case] placement: &str,
) {
    let gate = given(Gate::builder().env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1")).await;
    gate.provider.behave(json!({"placement": placement})).await;

    assert!(gate.twiml_for(VOICE_OF_AGENT, &ringing("CA1")).await.ends_with(BUSY));

    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 1]));
    gate.holds(1).await;
    assert_eq!(gate.outcome_of_status("CA1", "busy").await, "ended");
    gate.holds(0).await;
}

#[actix::test]
async fn one_that_the_provider_may_expect_and_that_nobody_speaks_of_ends_as_never_bound() {
    let gate = given(Gate::builder().env("CALLGATE__INBOUND__BIND_TIMEOUT_SECONDS", "1")).await;
    gate.provider.behave(json!({"placement": "500_after_dial"})).await;
    assert!(gate.twiml_for(VOICE_OF_AGENT, &ringing("CA1")).await.ends_with(BUSY));

    let call = gate.sweeps_until(&id_of(&the_inbound_call(&gate).await), "failed").await;

    assert_eq!(call["endReason"], "never_bound");
    gate.holds(0).await;
}

#[rstest]
#[case("completed", "completed", "ended")]
#[case("busy", "busy", "failed")]
#[case("no-answer", "no_answer", "failed")]
#[case("canceled", "cancelled", "failed")]
#[case("failed", "initiation_failed", "failed")]
#[actix::test]
async fn i4_an_end_that_the_carrier_reports_five_times_at_once_is_one_end(
    #[case] status: &str,
    #[case] reason: &str,
    #[case] becomes: &str,
) {
    let gate = a_gate().await;
    gate.twiml_for(VOICE_OF_AGENT, &ringing("CA1")).await;
    for other in ["queued", "ringing", "in-progress", ""] {
        assert_eq!(gate.outcome_of_status("CA1", other).await, "ignored", "{other}");
    }
    gate.holds(1).await;

    let mut outcomes = join_all((0..5).map(|_| gate.outcome_of_status("CA1", status))).await;

    outcomes.sort();
    assert_eq!(outcomes, ["duplicate", "duplicate", "duplicate", "duplicate", "ended"]);
    let call = the_inbound_call(&gate).await;
    assert_eq!((&call["status"], &call["endReason"]), (&json!(becomes), &json!(reason)));
    let mut later = standing("CA1", status);
    later.push(("Timestamp", "Tue, 27 Jan 2026 10:00:00 +0000"));
    assert_eq!(gate.post_form(STATUS, &later).await.expect(200)["outcome"], "duplicate");
    assert_eq!(gate.events_of(&id_of(&call)).await, ["InboundReceived", "CallAdmitted", "CallEnded"]);
    gate.holds(0).await;
}

#[actix::test]
async fn i4_an_end_that_comes_before_its_question_leaves_nothing_live() {
    let gate = a_gate().await;
    assert_eq!(gate.outcome_of_status("CA1", "completed").await, "parked");
    assert!(gate.twiml_for(VOICE_OF_AGENT, &ringing("CA1")).await.ends_with(BUSY));
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 0]));
    gate.holds(0).await;
}

#[actix::test]
async fn i1_a_call_that_is_over_before_the_provider_has_answered_is_not_connected() {
    let gate = a_gate().await;
    gate.provider.behave(json!({"answerDelayMs": 5_000})).await;
    let hangs_up = async {
        gate.holds(1).await;
        assert_eq!(gate.outcome_of_status("CA1", "completed").await, "ended");
    };

    let fields = ringing("CA1");
    let (twiml, ()) = join(gate.twiml_for(VOICE_OF_AGENT, &fields), hangs_up).await;

    assert!(twiml.ends_with(BUSY), "{twiml}");
    assert_eq!(seen_by_the_provider(&gate).await, json!([0, 0, 1]));
    gate.holds(0).await;
}

#[test]
fn the_way_twilio_alone_needs_an_account() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = crate::support::process::callgate(folder.path());
    let output = command.arg("serve").env("CALLGATE__PROVIDER__TERMINATE", "twilio").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(line.contains("provider.terminate") && line.contains("provider.twilio_account_sid"), "{line}");
}
