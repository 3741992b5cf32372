//! Webhooks, and the controls that change them.

use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{SECRET, Stage, until};
use crate::provider::simulator::notice::signature;

#[actix::test]
async fn a_hang_up_happens_once_and_sends_a_signed_transcription() {
    let stage = Stage::start(1);
    let conversation_id = stage.conversation_of("ada").await;
    assert_eq!(stage.hang_up(&conversation_id, "completed").await, 200);
    assert_eq!(stage.hang_up(&conversation_id, "completed").await, 409);
    assert_eq!(stage.hang_up("conv_unknown", "completed").await, 404);
    assert_eq!(stage.hang_up(&conversation_id, "bored").await, 400);
    let received = stage.until_received(1).await.remove(0);
    let seconds = received.signature.trim_start_matches("t=").split(',').next().unwrap().parse().unwrap();
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    assert_eq!(received.signature, signature(SECRET, time, &received.raw));
    assert_eq!(received.body["data"]["status"], "done");
    assert_eq!(received.body["data"]["user_id"], "ada");
    until("the count", || async { stage.state().await["webhooksSent"] == 1 }).await;
    stage.stop().await;
}

#[actix::test]
async fn a_webhook_is_tried_again_until_it_is_accepted() {
    let stage = Stage::start_with(1, 1, None);
    let conversation_id = stage.conversation_of("ada").await;
    stage.hang_up(&conversation_id, "no-answer").await;
    stage.until_received(2).await;
    assert_eq!(stage.mailbox.kinds(), ["call_initiation_failure", "call_initiation_failure"]);
    until("the count", || async { stage.state().await["webhooksSent"] == 1 }).await;
    assert_eq!(stage.state().await["webhooksFailed"], 0);
    stage.stop().await;
}

#[actix::test]
async fn a_webhook_that_is_not_tried_again_has_failed() {
    let stage = Stage::start_with(1, 1, None);
    stage.behave(json!({"webhooks": {"retry": false}})).await;
    let conversation_id = stage.conversation_of("ada").await;
    stage.hang_up(&conversation_id, "completed").await;
    until("the count", || async { stage.state().await["webhooksFailed"] == 1 }).await;
    stage.stop().await;
}

#[actix::test]
async fn webhooks_are_duplicated_and_lost_and_sent_on_demand() {
    let stage = Stage::start(1);
    stage.behave(json!({"webhooks": {"lose": true}})).await;
    let conversation_id = stage.conversation_of("ada").await;
    stage.hang_up(&conversation_id, "completed").await;
    let path = format!("/v1/convai/conversations/{conversation_id}");
    until("the analysis", || async { stage.get(&path).await.1["status"] == "done" }).await;
    stage.behave(json!({"webhooks": {"lose": false, "duplicate": 2}})).await;
    let again = format!("/sim/calls/{conversation_id}/webhook");
    assert_eq!(stage.send(Method::POST, &again, json!({"type": "conversation.ended"})).await.0, 200);
    stage.until_received(3).await;
    assert_eq!(stage.mailbox.kinds(), ["conversation.ended"; 3]);
    assert_eq!(stage.send(Method::POST, &again, json!({"type": "birthday"})).await.0, 400);
    stage.stop().await;
}

#[actix::test]
async fn reordered_webhooks_overtake_each_other() {
    let stage = Stage::start(2);
    stage.behave(json!({"webhooks": {"reorder": true}})).await;
    let first = stage.conversation_of("ada").await;
    let second = stage.conversation_of("bob").await;
    stage.hang_up(&first, "completed").await;
    stage.hang_up(&second, "completed").await;
    let order: Vec<_> = stage
        .until_received(2)
        .await
        .into_iter()
        .map(|received| received.body["data"]["conversation_id"].clone())
        .collect();
    assert_eq!(order, [second, first]);
    stage.stop().await;
}

#[actix::test]
async fn an_inbound_call_asks_the_initiation_webhook_and_tells_of_its_start() {
    let stage = Stage::start(0);
    let (status, answer) = stage
        .send(Method::POST, "/sim/inbound", json!({"agentId": "agent_1", "from": "+14155550199", "initiation": true}))
        .await;
    assert_eq!((status, &answer["initiationStatus"]), (StatusCode::OK, &json!(200)));
    let received = stage.until_received(2).await;
    assert_eq!((received[0].path.as_str(), received[0].secret.as_str()), ("/initiation", SECRET));
    assert_eq!(received[0].body["call_sid"], answer["callSid"]);
    assert_eq!(received[1].body["type"], "conversation.started");
    assert_eq!(received[1].body["conversation_id"], answer["conversationId"]);
    assert_eq!(received[1].body["metadata"]["direction"], "inbound");
    assert_eq!(received[1].body["metadata"]["caller_id"], "+14155550199");
    let state = stage.state().await;
    assert_eq!(state["calls"][0]["callgateCallId"], "call-7");
    assert_eq!((&state["live"], &state["maxLiveOutbound"]), (&json!(1), &json!(0)));
    stage.behave(json!({"inboundOverflow": 1})).await;
    assert_eq!(stage.send(Method::POST, "/sim/inbound", json!({"agentId": "agent_1"})).await.0, 429);
    assert_eq!(stage.send(Method::POST, "/sim/inbound", json!({"agent": "agent_1"})).await.0, 400);
    stage.stop().await;
}

#[actix::test]
async fn webhooks_can_overtake_the_answer_of_their_placement() {
    let stage = Stage::start(2);
    stage.behave(json!({"webhooks": {"outboundStarted": true}})).await;
    stage.conversation_of("ada").await;
    assert_eq!(stage.mailbox.kinds(), ["conversation.started"]);
    stage.behave(json!({"failureWebhookFirst": true})).await;
    stage.conversation_of("bob").await;
    assert_eq!(stage.mailbox.kinds(), ["conversation.started", "call_initiation_failure"]);
    assert_eq!(stage.state().await["live"], 1);
    stage.stop().await;
}

#[actix::test]
async fn the_controls_change_targets_and_behaviour_and_forget_them() {
    let stage = Stage::start(3);
    let (status, answer) = stage.send(Method::PUT, "/sim/behaviour", json!({"webhooks": {"loose": true}})).await;
    assert_eq!((status, answer), (StatusCode::BAD_REQUEST, json!({"error": "unknown key webhooks.loose"})));
    let other = format!("{}/other", stage.mailbox.url);
    let (_, targets) = stage.send(Method::PUT, "/sim/webhook", json!({"url": other})).await;
    let expected = ["/initiation", "/voice", "/status"].map(|path| json!(format!("{}{path}", stage.mailbox.url)));
    assert_eq!(targets["url"], other);
    assert_eq!([&targets["initiationUrl"], &targets["voiceUrl"], &targets["statusUrl"]], expected.each_ref());
    stage.behave(json!({"cap": 1})).await;
    let conversation_id = stage.conversation_of("ada").await;
    stage.hang_up(&conversation_id, "completed").await;
    assert_eq!(stage.until_received(1).await[0].path, "/other");
    assert_eq!(stage.send(Method::POST, "/sim/reset", Value::Null).await.0, 200);
    let state = stage.state().await;
    assert_eq!((&state["cap"], &state["started"], &state["calls"]), (&json!(3), &json!(0), &json!([])));
    stage.simulator.set_webhook_url(format!("{}/handle", stage.mailbox.url));
    let conversation_id = stage.conversation_of("bob").await;
    stage.hang_up(&conversation_id, "completed").await;
    assert_eq!(stage.until_received(2).await[1].path, "/handle");
    stage.stop().await;
}
