//! Reading and ending conversations.

use std::time::Duration;

use actix_web::http::Method;
use awc::ws;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};

use super::{Stage, code_of};

#[actix::test]
async fn a_wrong_key_is_answered_401_and_the_controls_need_none() {
    let stage = Stage::start_with(1, 0, Some("other"));
    let (status, answer) = stage.place_for("ada").await;
    assert_eq!(status, 401);
    assert_eq!(code_of(answer).as_deref(), Some("invalid_api_key"));
    assert_eq!(stage.state().await["dialled"], 0);
    stage.stop().await;
}

#[actix::test]
async fn the_list_can_be_narrowed_to_live_calls_and_to_a_user() {
    let stage = Stage::start(3);
    let ada = stage.conversation_of("ada").await;
    let bob = stage.conversation_of("bob").await;
    let cyd = stage.conversation_of("cyd").await;
    assert_eq!(stage.hang_up(&bob, "completed").await, 200);
    let live = "exclude_statuses=processing&exclude_statuses=done&exclude_statuses=failed";
    assert_eq!(stage.listed(live).await, [cyd.clone(), ada]);
    assert_eq!(stage.listed(&format!("{live}&user_id=cyd")).await, [cyd]);
    assert_eq!(stage.listed("user_id=bob").await, [bob]);
    assert_eq!(stage.get("/v1/convai/conversations?page_size=101").await.0, 422);
    stage.stop().await;
}

#[actix::test]
async fn delete_hangs_up_and_the_record_vanishes() {
    let stage = Stage::start(1);
    let conversation_id = stage.conversation_of("ada").await;
    let path = format!("/v1/convai/conversations/{conversation_id}");
    assert_eq!(stage.send(Method::DELETE, &path, Value::Null).await.0, 200);
    assert_eq!(stage.state().await["live"], 0);
    for method in [Method::GET, Method::DELETE] {
        let (status, answer) = stage.send(method, &path, Value::Null).await;
        assert_eq!(status, 404);
        assert_eq!(code_of(answer).as_deref(), Some("conversation_not_found"));
    }
    assert!(stage.listed("").await.is_empty());
    stage.until_received(1).await;
    assert_eq!(stage.mailbox.kinds(), ["post_call_transcription"]);
    stage.stop().await;
}

#[actix::test]
async fn the_monitor_ends_the_call_once_it_no_longer_refuses() {
    let stage = Stage::start(1);
    stage.behave(json!({"terminate": "refuse", "terminateRefusals": 1})).await;
    let conversation_id = stage.conversation_of("ada").await;
    let url = stage.url(&format!("/v1/convai/conversations/{conversation_id}/monitor"));
    let mut closes = Vec::new();
    for _ in 0..2 {
        let (_, mut socket) = stage.client.ws(&url).connect().await.unwrap();
        socket.send(ws::Message::Text(r#"{"command_type":"end_call"}"#.into())).await.unwrap();
        let Some(Ok(ws::Frame::Close(Some(reason)))) = socket.next().await else { panic!("the monitor did not close") };
        closes.push((reason.code, stage.state().await["live"].clone()));
    }
    assert_eq!(closes, [(ws::CloseCode::Error, json!(1)), (ws::CloseCode::Normal, json!(0))]);
    assert!(stage.client.ws(&url).connect().await.is_err(), "what is over cannot be watched");
    assert_eq!(stage.state().await["calls"][0]["endReason"], "monitor");
    stage.stop().await;
}

#[actix::test]
async fn a_provider_that_is_not_well_cannot_be_read() {
    let stage = Stage::start(1);
    let conversation_id = stage.conversation_of("ada").await;
    let details = format!("/v1/convai/conversations/{conversation_id}");
    let reads = ["/v1/convai/conversations", details.as_str(), "/v1/convai/analytics/live-count"];
    stage.behave(json!({"api": "500"})).await;
    for path in reads {
        assert_eq!(stage.get(path).await.0, 500, "{path}");
    }
    stage.behave(json!({"api": "timeout"})).await;
    for path in reads {
        assert!(stage.client.get(stage.url(path)).timeout(Duration::from_millis(50)).send().await.is_err(), "{path}");
    }
    stage.stop().await;
}
