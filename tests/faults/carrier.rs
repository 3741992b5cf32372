//! A database that goes away between a carrier's question and its report: nothing is connected without a slot on disk,
//! and no report is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callgate::domain::ids::CallId;
use callgate::store::{CommitError, Conflict, EventStore, Store, StoreError, Stream, Write, Written};

use crate::inside::Inside;
use crate::support::twilio::{STATUS, VOICE_OF_AGENT, ringing, standing};
use crate::support::wait::{eventually, settles};

/// An event store that can be taken away: then nobody knows what became of a commit.
struct Away {
    store: Store,
    away: Arc<AtomicBool>,
}

#[async_trait]
impl EventStore for Away {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(CommitError::Unknown("the connection was cut".to_owned()));
        }
        self.store.commit(batch).await
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError("away".to_owned()));
        }
        self.store.load(call_id).await
    }
}

async fn given() -> (Inside, Arc<AtomicBool>) {
    let away = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&away);
    let around = Box::new(move |store| Arc::new(Away { store, away: told }) as Arc<dyn EventStore>);
    (Inside::with_event_store(around).await, away)
}

async fn registered(inside: &Inside) -> u64 {
    inside.provider.state().await["carrier"]["registered"].as_u64().unwrap()
}

#[actix::test]
async fn i5_no_call_is_connected_before_its_slot_is_stored_and_it_is_once_it_can_be() {
    let (inside, away) = given().await;
    away.store(true, Ordering::SeqCst);

    inside.post_form(VOICE_OF_AGENT, &ringing("CA1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");

    assert_eq!(registered(&inside).await, 0);
    away.store(false, Ordering::SeqCst);
    eventually("it is connected when the carrier asks again", async || {
        let answer = inside.post_form(VOICE_OF_AGENT, &ringing("CA1")).await;
        (answer.code() == 200 && answer.text().contains("<Connect>")).then_some(())
    })
    .await;
    assert_eq!(registered(&inside).await, 1);
    settles(1, async || inside.held().await).await;
}

#[actix::test]
async fn i5_a_report_that_cannot_be_stored_is_to_be_made_again_and_then_frees_the_slot() {
    let (inside, away) = given().await;
    assert!(inside.post_form(VOICE_OF_AGENT, &ringing("CA1")).await.text().contains("<Connect>"));
    away.store(true, Ordering::SeqCst);

    inside.post_form(STATUS, &standing("CA1", "completed")).await.problem(503, "EVENT_STORE_UNAVAILABLE");

    assert_eq!(inside.held().await, 1);
    away.store(false, Ordering::SeqCst);
    assert_eq!(inside.post_form(STATUS, &standing("CA1", "completed")).await.expect(200)["outcome"], "ended");
    settles(0, async || inside.held().await).await;
}
