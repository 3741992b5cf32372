//! Commits whose outcome nobody knows: no slot is freed while the call may be admitted, and none leaks.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use callgate::domain::call::EventKind;
use callgate::domain::ids::{CallId, PoolId};
use callgate::store::{CommitError, Conflict, EventStore, Home, NewEpoch, Store, StoreError, Stream, Write, Written};

use crate::inside::Inside;
use crate::support::gate::a_call;
use crate::support::wait::{eventually, settles};
use crate::support::webhook::{inbound_started, signed};

/// What goes wrong with a commit that begins a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It is stored, and nobody is told.
    SilentSuccess,
    /// It is not stored, and nobody is told.
    SilentFailure,
    /// It is not stored, nobody is told, and another replica admits the same call under a later epoch.
    Overtaken,
    /// It is stored, and then the journal crashes.
    CrashAfterwards,
    /// Nothing is stored, nothing is read, until further notice.
    Away,
}

/// An event store that fails as it is told to.
struct Faulty {
    store: Store,
    fault: Arc<Mutex<Fault>>,
    refused: Arc<AtomicU32>,
}

#[async_trait]
impl EventStore for Faulty {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        let begins = batch.iter().any(|write| matches!(write, Write::Append(append) if append.epoch.is_some()));
        let fault = *self.fault.lock().unwrap();
        let once = || *self.fault.lock().unwrap() = Fault::None;
        let unknown = || Err(CommitError::Unknown("the connection was cut".to_owned()));
        match fault {
            Fault::SilentSuccess if begins => {
                once();
                self.store.commit(batch).await?;
                unknown()
            }
            Fault::SilentFailure if begins => {
                once();
                unknown()
            }
            Fault::Overtaken if begins => {
                once();
                self.admit_elsewhere(batch).await;
                unknown()
            }
            Fault::CrashAfterwards if begins => {
                once();
                self.store.commit(batch).await?;
                panic!("the journal crashes after its commit");
            }
            Fault::Away => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                unknown()
            }
            _ => self.store.commit(batch).await,
        }
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        if *self.fault.lock().unwrap() == Fault::Away {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError("away".to_owned()));
        }
        self.store.load(call_id).await
    }
}

impl Faulty {
    /// The same admissions, as a replica commits them that got its leases under the next epoch.
    async fn admit_elsewhere(&self, batch: &[Write]) {
        let begun = self.store.begin_epoch(&PoolId::default_pool(), NewEpoch::at(Home::Memory)).await.unwrap();
        let later = begun.state().epoch;
        let mut batch = batch.to_vec();
        for write in &mut batch {
            let Write::Append(append) = write else { continue };
            append.epoch = append.epoch.map(|_| later);
            for event in &mut append.events {
                if let EventKind::CallAdmitted { epoch, .. } = &mut event.kind {
                    *epoch = later.0;
                }
            }
        }
        assert!(self.store.commit(&batch).await.unwrap().iter().all(Result::is_ok));
    }
}

/// A gate whose event store can be made to fail.
async fn faulty() -> (Inside, Arc<Mutex<Fault>>, Arc<AtomicU32>) {
    let (fault, refused) = (Arc::new(Mutex::new(Fault::None)), Arc::new(AtomicU32::new(0)));
    let (told, counted) = (Arc::clone(&fault), Arc::clone(&refused));
    let inside = Inside::with_event_store(Box::new(move |store| {
        Arc::new(Faulty { store, fault: told, refused: counted }) as Arc<dyn EventStore>
    }))
    .await;
    inside.put_business("b1").await;
    (inside, fault, refused)
}

/// The first events of every call there ever was, oldest first.
async fn stories(inside: &Inside) -> Vec<Vec<String>> {
    let streams = inside.gate.store().streams_after(None, 100).await.unwrap();
    streams
        .iter()
        .map(|(_, stream)| stream.0.iter().map(|event| event.event.kind.name().to_owned()).collect())
        .collect()
}

#[actix::test]
async fn i3_i5_a_stored_admission_in_doubt_is_never_dialled_and_gives_its_slot_back() {
    let (inside, fault, _) = faulty().await;
    *fault.lock().unwrap() = Fault::SilentSuccess;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    eventually("the admission fails as not dialled", async || {
        (stories(&inside).await == [["CallRequested", "CallAdmitted", "PlacementFailed"]]).then_some(())
    })
    .await;
    settles(0, async || inside.held().await).await;
    assert_eq!(inside.provider.dialled().await, 0);
    inside.post("/api/calls", &a_call("b1")).await.expect(201);
}

#[actix::test]
async fn i3_an_admission_in_doubt_that_was_not_stored_is_abandoned_and_gives_its_slot_back() {
    let (inside, fault, _) = faulty().await;
    *fault.lock().unwrap() = Fault::SilentFailure;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    eventually("the admission is abandoned", async || {
        (stories(&inside).await == [["AdmissionAbandoned"]]).then_some(())
    })
    .await;
    settles(0, async || inside.held().await).await;
    assert_eq!(inside.provider.dialled().await, 0);
    assert!(inside.get("/api/calls").await["calls"].as_array().unwrap().is_empty(), "it never was a call");
}

#[actix::test]
async fn i1_a_doubt_does_not_end_what_another_replica_has_admitted_and_may_be_dialling() {
    let (inside, fault, _) = faulty().await;
    *fault.lock().unwrap() = Fault::Overtaken;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    let call_id = inside.gate.store().streams_after(None, 1).await.unwrap()[0].0;
    // Its session answers in turn: it has settled the doubt by then.
    let session = inside.get(&format!("/debug/actors/sessions/{call_id}")).await;
    assert_eq!((session["state"].as_str(), session["slot"].as_str()), (Some("placing"), Some("held")));
    assert_eq!(stories(&inside).await, [["CallRequested", "CallAdmitted"]]);
}

#[actix::test]
async fn i3_a_journal_that_crashes_after_its_commit_leaks_no_slot_and_starts_again() {
    let (inside, fault, _) = faulty().await;
    *fault.lock().unwrap() = Fault::CrashAfterwards;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    settles(0, async || inside.held().await).await;
    eventually("the roster shows the restart", async || (inside.actor("journal").await["restarts"] == 1).then_some(()))
        .await;
    assert_eq!(inside.provider.dialled().await, 0);
    inside.post("/api/calls", &a_call("b1")).await.expect(201);
}

#[actix::test]
async fn i1_no_slot_is_freed_while_the_call_may_be_admitted() {
    let (inside, fault, refused) = faulty().await;
    *fault.lock().unwrap() = Fault::Away;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    let so_far = refused.load(Ordering::SeqCst);
    eventually("the gate tries to settle the doubt several times", async || {
        (refused.load(Ordering::SeqCst) >= so_far + 3).then_some(())
    })
    .await;
    assert_eq!(inside.held().await, 1, "the doubt is not settled: the slot stays");
    *fault.lock().unwrap() = Fault::None;
    settles(0, async || inside.held().await).await;
    assert_eq!(stories(&inside).await, [["AdmissionAbandoned"]]);
}

#[actix::test]
async fn a_call_whose_time_is_over_while_nothing_can_be_stored_is_hung_up_afterwards() {
    let (inside, fault, refused) = faulty().await;
    let mut call = a_call("b1");
    call["maxDurationSeconds"] = serde_json::json!(1);
    let call_id = inside.post("/api/calls", &call).await.expect(201)["callId"].as_str().unwrap().to_owned();
    *fault.lock().unwrap() = Fault::Away;
    // Neither written nor read: the session has given up on this attempt.
    eventually("its end is tried to be stored", async || (refused.load(Ordering::SeqCst) >= 2).then_some(())).await;
    assert_eq!(inside.provider.live().await, 1);
    *fault.lock().unwrap() = Fault::None;
    settles(0, async || inside.provider.live().await).await;
    settles("max_duration".to_owned(), async || {
        let call = inside.get(&format!("/api/calls/{call_id}")).await;
        call["endReason"].as_str().unwrap_or_default().to_owned()
    })
    .await;
    settles(0, async || inside.held().await).await;
}

#[actix::test]
async fn i4_a_key_whose_admission_was_in_doubt_may_be_used_again() {
    let (inside, fault, _) = faulty().await;
    let asked = || crate::support::http::Ask::post("/api/calls").header("Idempotency-Key", "k1").json(&a_call("b1"));
    for doubt in [Fault::SilentSuccess, Fault::SilentFailure] {
        *fault.lock().unwrap() = doubt;
        inside.ask(asked()).await.problem(503, "EVENT_STORE_UNAVAILABLE");
        settles(0, async || inside.held().await).await;
    }
    inside.ask(asked()).await.expect(201);
    assert_eq!(inside.ask(asked()).await.header("Idempotent-Replayed"), Some("true"));
    assert_eq!(inside.provider.dialled().await, 1);
}

#[actix::test]
async fn a_refusal_for_want_of_a_slot_starts_no_session_and_waits_for_no_commit() {
    let (inside, fault, _) = faulty().await;
    for _ in 0..3 {
        inside.post("/api/calls", &a_call("b1")).await.expect(201);
    }
    let activated = inside.get("/debug/actors").await["sessions"]["activated"].clone();
    *fault.lock().unwrap() = Fault::Away;
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "BUSINESS_LIMIT");
    assert_eq!(inside.get("/debug/actors").await["sessions"]["activated"], activated);
    *fault.lock().unwrap() = Fault::None;
}

#[actix::test]
async fn i4_an_inbound_call_whose_admission_was_called_off_is_admitted_when_it_is_announced_again() {
    let (inside, fault, _) = faulty().await;
    let announced = inbound_started("conv_in", "agent_9").to_string();
    *fault.lock().unwrap() = Fault::SilentFailure;
    inside.ask(signed(&announced)).await.problem(503, "EVENT_STORE_UNAVAILABLE");

    eventually("it is admitted", async || (inside.ask(signed(&announced)).await.code() == 200).then_some(())).await;

    settles(1, async || inside.held().await).await;
    let mut stories = stories(&inside).await;
    stories.sort();
    assert_eq!(stories, [vec!["AdmissionAbandoned"], vec!["InboundReceived", "CallAdmitted"]]);
}
