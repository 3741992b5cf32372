//! Placements, as they should go and as they go wrong.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::rt;
use serde_json::{Value, json};

use super::{Stage, TWILIO, code_of, placement, until};
use crate::provider::elevenlabs::wire::{ConversationDetails, ConversationStatus};

#[actix::test]
async fn a_placed_call_is_live_and_echoes_what_it_was_given() {
    let stage = Stage::start(2);
    let conversation_id = stage.conversation_of("ada").await;
    let (status, answer) = stage.get(&format!("/v1/convai/conversations/{conversation_id}")).await;
    assert_eq!(status, 200);
    let details: ConversationDetails = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(details.status, ConversationStatus::InProgress);
    assert_eq!(details.user_id.as_deref(), Some("ada"));
    assert!(details.metadata.phone_call.unwrap().call_sid.unwrap().starts_with("CA"));
    assert_eq!(
        answer["conversation_initiation_client_data"]["dynamic_variables"],
        placement("ada")["conversation_initiation_client_data"]["dynamic_variables"]
    );
    assert_eq!(stage.get("/v1/convai/analytics/live-count").await.1, json!({"count": 1}));
    assert_eq!(stage.get("/v1/convai/analytics/live-count?agent_id=agent_2").await.1, json!({"count": 0}));
    assert_eq!(stage.state().await["calls"][0]["callgateCallId"], "ada");
    stage.stop().await;
}

#[actix::test]
async fn a_sip_placement_answers_in_its_own_shape() {
    let stage = Stage::start(1);
    let (status, answer) = stage.send(Method::POST, "/v1/convai/sip-trunk/outbound-call", placement("ada")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["success"], true);
    assert!(answer["sip_call_id"].as_str().unwrap().starts_with("SCL_"));
    stage.stop().await;
}

#[actix::test]
async fn the_call_beyond_the_cap_is_answered_429() {
    let stage = Stage::start(1);
    stage.behave(json!({"retryAfterSeconds": 7})).await;
    stage.conversation_of("ada").await;
    let answer = stage.client.post(stage.url(TWILIO)).send_json(&placement("bob")).await.unwrap();
    assert_eq!(answer.headers().get("Retry-After").unwrap(), "7");
    let (status, answer) = stage.place_for("bob").await;
    assert_eq!(status, 429);
    assert_eq!(answer["detail"]["status"], "too_many_concurrent_requests");
    assert_eq!(code_of(answer).as_deref(), Some("concurrent_limit_exceeded"));
    let state = stage.state().await;
    let counts = ["cap", "live", "maxLive", "maxLiveOutbound", "dialled", "rejected429"].map(|key| state[key].clone());
    assert_eq!(counts, [1, 1, 1, 1, 1, 2].map(Value::from));
    stage.stop().await;
}

#[actix::test]
async fn faults_before_the_dial_dial_nothing() {
    let stage = Stage::start(5);
    for (fault, status) in [("429", 429), ("422", 422), ("500", 500), ("success_false", 200)] {
        stage.behave(json!({"placement": fault, "placementCount": 1})).await;
        let (answered, answer) = stage.place_for("ada").await;
        assert_eq!(answered, status, "{fault}");
        assert_eq!(answer["success"], if fault == "success_false" { json!(false) } else { Value::Null });
    }
    assert_eq!(stage.state().await["dialled"], 0);
    stage.conversation_of("ada").await;
    stage.stop().await;
}

#[actix::test]
async fn faults_after_the_dial_leave_the_call_live() {
    let stage = Stage::start(5);
    stage.behave(json!({"placement": "500_after_dial"})).await;
    assert_eq!(stage.place_for("ada").await.0, 500);
    stage.behave(json!({"placement": "reset_after_dial"})).await;
    let reset = stage.client.post(stage.url(TWILIO)).send_json(&placement("bob")).await;
    assert!(reset.is_err(), "no answer is sent, not even its head");
    stage.behave(json!({"placement": "hang_after_dial"})).await;
    let patience = Duration::from_millis(200);
    let silence = stage.client.post(stage.url(TWILIO)).timeout(patience).send_json(&placement("cyd")).await;
    assert!(silence.is_err());
    let state = stage.state().await;
    assert_eq!((&state["live"], &state["dialled"]), (&json!(3), &json!(3)));
    stage.stop().await;
}

#[actix::test]
async fn a_blocking_trunk_has_dialled_long_before_it_answers() {
    let stage = Stage::start(1);
    stage.behave(json!({"placement": "sip_block", "answerDelayMs": 800})).await;
    let (url, client) = (stage.url(TWILIO), stage.client.clone());
    let answer = rt::spawn(async move { client.post(url).send_json(&placement("ada")).await.unwrap().status() });
    until("the dial", || async { stage.state().await["live"] == 1 }).await;
    assert_eq!(stage.state().await["calls"][0]["status"], "initiated");
    assert_eq!(answer.await.unwrap(), 200);
    assert_eq!(stage.state().await["calls"][0]["status"], "in-progress");
    stage.stop().await;
}

#[actix::test]
async fn a_client_that_goes_away_does_not_stop_the_dial() {
    let stage = Stage::start(1);
    stage.behave(json!({"dialDelayMs": 800})).await;
    let patience = Duration::from_millis(50);
    assert!(stage.client.post(stage.url(TWILIO)).timeout(patience).send_json(&placement("ada")).await.is_err());
    assert_eq!(stage.state().await["live"], 0);
    until("the late dial", || async { stage.state().await["live"] == 1 }).await;
    stage.stop().await;
}

#[actix::test]
async fn calls_end_by_themselves_after_the_talk() {
    let stage = Stage::start(1);
    stage.behave(json!({"talkSeconds": {"min": 0.05, "max": 0.1}})).await;
    stage.conversation_of("ada").await;
    until("the end", || async { stage.state().await["live"] == 0 }).await;
    assert_eq!(stage.state().await["calls"][0]["endReason"], "talked-out");
    stage.stop().await;
}
