//! What becomes of a placement when the line to the provider, or the provider itself, is not well.

use serde_json::json;

use crate::support::gate::{Gate, a_call};
use crate::support::proxy::Line;
use crate::support::wait::settles;

#[actix::test]
async fn a_provider_that_cannot_be_reached_was_certainly_not_asked_so_the_slot_is_free() {
    let mut gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.kill_9();

    let problem = gate.post_call("42").await.problem(502, "CALL_INITIATION_FAILED");

    assert_eq!(gate.get_call(problem["callId"].as_str().unwrap()).await["status"], "failed");
    gate.holds(0).await;
}

#[actix::test]
async fn a_line_that_is_silent_makes_the_placement_uncertain_and_keeps_the_slot() {
    let gate = Gate::builder().behind_proxy().env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1").start().await;
    gate.put_business("42", "PRO").await;
    gate.proxy().set(Line::Hold);

    let problem = gate.post_call_once("once", &a_call("42")).await.problem(504, "CALL_OUTCOME_UNKNOWN");

    assert!(gate.proxy().connections() > 0, "the gate asked");
    gate.holds(1).await;
    gate.proxy().set(Line::Cut);
    gate.proxy().set(Line::Forward);
    let call = gate.sweeps_until(problem["callId"].as_str().unwrap(), "failed").await;
    assert_eq!(call["endReason"], "provider_missing");
    assert_eq!(gate.provider.dialled().await, 0);
    gate.holds(0).await;
}

#[actix::test]
async fn a_line_that_is_cut_while_the_provider_dials_makes_the_placement_uncertain() {
    let gate = Gate::builder().behind_proxy().start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.behave(json!({"answerDelayMs": 60_000})).await;

    let asked = gate.post_call("42");
    let cut = async {
        settles(1, async || gate.provider.dialled().await).await;
        gate.proxy().set(Line::Cut);
    };
    let (answer, ()) = futures_util::future::join(asked, cut).await;

    let problem = answer.problem(504, "CALL_OUTCOME_UNKNOWN");
    gate.holds(1).await;
    gate.proxy().set(Line::Forward);
    gate.sweeps_until(problem["callId"].as_str().unwrap(), "active").await;
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn i1_a_call_that_is_forced_to_end_while_the_provider_dials_is_hung_up_when_it_turns_out_to_be_live() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.behave(json!({"answerDelayMs": 4_000})).await;
    let call_id = gate.post_call_async("42").await.expect(202)["callId"].as_str().unwrap().to_owned();
    settles(1, async || gate.provider.live().await).await;

    gate.force_end(&call_id, "wrong number").await.success();
    gate.holds(0).await;

    settles(0, async || gate.provider.live().await).await;
    let told = ["CallRequested", "CallAdmitted", "CallEnded", "CallRevived", "CallEnded"];
    settles(told.map(str::to_owned).to_vec(), async || gate.events_of(&call_id).await).await;
    assert_eq!(gate.get_call(&call_id).await["endReason"], "late");
    gate.holds(0).await;
    assert_eq!(gate.status().await["overflow"], 0);
}

#[actix::test]
async fn a_sip_trunk_that_blocks_until_somebody_answers_is_waited_for() {
    let gate = Gate::builder().env("CALLGATE__PROVIDER__TRANSPORT", "sip").start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.behave(json!({"placement": "sip_block", "answerDelayMs": 500})).await;

    let call_id = gate.start_call("42").await;

    let conversation = gate.conversation_of(&call_id).await;
    let live = gate.provider.call(&conversation).await;
    assert_eq!(live["callgateCallId"], call_id);
    assert!(live["callSid"].as_str().unwrap().starts_with("SCL_"), "{live}");
}

#[actix::test]
async fn what_the_provider_is_told_of_a_call_lets_it_be_found_again() {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let mut call = a_call("42");
    call["clientData"] = json!({"name": "Ada", "visits": 3});

    let call_id = gate.post("/api/calls", &call).await.expect(201)["callId"].clone();

    let at_provider = gate.provider.call(&gate.conversation_of(call_id.as_str().unwrap()).await).await;
    let variables = &at_provider["dynamicVariables"];
    assert_eq!((&variables["name"], &variables["visits"]), (&json!("Ada"), &json!(3)));
    assert_eq!((&variables["callgate_call_id"], &variables["business_id"]), (&call_id, &json!("42")));
    assert_eq!(at_provider["userId"], call_id, "unless the caller set one");
    assert_eq!(at_provider["toNumber"], call["toNumber"]);
}
