//! A task that stalls between commit and dial does not dial.

use std::sync::Arc;
use std::time::Duration;

use callgate::domain::call::References;
use callgate::domain::ids::CallId;
use callgate::provider::{
    Conversation, ConversationPage, DialPermit, HangUp, HangUpWay, NotRegistered, Placement, PlacementOutcome,
    ProviderError, Registration, Stretch, VoiceProvider,
};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use crate::inside::Inside;
use crate::support::gate::a_call;
use crate::support::http::Ask;
use crate::support::wait::settles;

/// A provider before which a task stops until its permit has run out, as if the process had been stopped.
struct Stalling(Arc<dyn VoiceProvider>);

impl VoiceProvider for Stalling {
    fn place(&self, placement: Placement, permit: DialPermit) -> LocalBoxFuture<'_, PlacementOutcome> {
        Box::pin(async move {
            while permit.check().is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.0.place(placement, permit).await
        })
    }

    fn look_up<'a>(&'a self, id: &'a str) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>> {
        self.0.look_up(id)
    }

    fn find<'a>(
        &'a self,
        call_id: CallId,
        user_id: Option<&'a str>,
        since: DateTime<Utc>,
    ) -> LocalBoxFuture<'a, Result<Option<Conversation>, ProviderError>> {
        self.0.find(call_id, user_id, since)
    }

    fn list_live<'a>(
        &'a self,
        began: Stretch,
        cursor: Option<&'a str>,
    ) -> LocalBoxFuture<'a, Result<ConversationPage, ProviderError>> {
        self.0.list_live(began, cursor)
    }

    fn live_count(&self) -> LocalBoxFuture<'_, Result<u64, ProviderError>> {
        self.0.live_count()
    }

    fn hang_up<'a>(&'a self, names: &'a References, ways: &'a [HangUpWay]) -> LocalBoxFuture<'a, HangUp> {
        self.0.hang_up(names, ways)
    }

    fn register_call(
        &self,
        registration: Registration,
        permit: DialPermit,
    ) -> LocalBoxFuture<'_, Result<String, NotRegistered>> {
        self.0.register_call(registration, permit)
    }
}

#[actix::test]
async fn i1_a_call_that_is_forced_to_end_before_it_is_dialled_is_not_dialled() {
    let stall = Box::new(|provider| Arc::new(Stalling(provider)) as Arc<dyn VoiceProvider>);
    let inside = Inside::with_provider(&[("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "60")], stall).await;
    inside.put_business("b1").await;
    let asked = Ask::post("/api/calls").header("Prefer", "respond-async").json(&a_call("b1"));
    let call_id = inside.ask(asked).await.expect(202)["callId"].as_str().unwrap().to_owned();

    let path = format!("/api/calls/{call_id}/force-end");
    inside.post(&path, &json!({"reason": "wrong number"})).await.expect(200);

    settles(0, async || inside.gate.directory().services().dials()).await;
    assert_eq!((inside.provider.dialled().await, inside.held().await), (0, 0));
    let call = inside.get(&format!("/api/calls/{call_id}")).await;
    assert_eq!((call["status"].as_str(), call["endReason"].as_str()), (Some("ended"), Some("operator")));
    inside.post(&path, &json!({"reason": "again"})).await.problem(409, "CALL_ALREADY_OVER");
}

#[actix::test]
async fn i1_a_task_that_was_stopped_for_too_long_between_commit_and_dial_does_not_dial() {
    let stall = Box::new(|provider| Arc::new(Stalling(provider)) as Arc<dyn VoiceProvider>);
    let inside = Inside::with_provider(&[("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "1")], stall).await;
    inside.put_business("b1").await;
    let refused = inside.post("/api/calls", &a_call("b1")).await;
    refused.problem(503, "OVERLOADED");
    let call = inside.get("/api/calls").await["calls"][0].clone();
    assert_eq!((call["status"].as_str(), call["endReason"].as_str()), (Some("failed"), Some("not_dialled")));
    assert_eq!((inside.provider.dialled().await, inside.held().await), (0, 0));
}
