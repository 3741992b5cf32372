//! A start with many calls of an earlier process that ask for something by themselves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use callgate::domain::call::{
    Call, Command, Context, Direction, InboundDecision, Profile, Record, Reference, Source, decide, evolve,
};
use callgate::domain::ids::{CallId, PoolId};
use callgate::sources;
use callgate::store::{
    Append, CommitError, Conflict, EventStore, Sequence, Store, StoreError, Stream, Trace, Write, Written,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::inside::Inside;
use crate::support::wait::settles;

const CALLS: usize = 40;
/// Sessions that are woken at once.
const AT_ONCE: usize = 16;

/// An event store that reads no stream before it may, and counts who waits.
struct Slow {
    store: Store,
    may_read: Semaphore,
    waiting: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl EventStore for Slow {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        self.store.commit(batch).await
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        let _turn = self.may_read.acquire().await.unwrap();
        let stream = self.store.load(call_id).await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        stream
    }
}

/// A live call that may last for an hour.
fn call(number: usize) -> Append {
    let profile = Profile {
        pool: PoolId::default_pool(),
        business_id: "b1".parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        direction: Direction::Inbound,
        source: Source::named("webhook"),
        agent_id: "agent_1".parse().unwrap(),
        phone_number_id: None,
        counterpart: None,
        user_id: None,
        request_hash: None,
        max_duration_seconds: Some(3600),
    };
    let references = std::iter::once(Reference::conversation(format!("conv_{number}"))).collect();
    let decision = InboundDecision::Overflow { cause: "GLOBAL_CAPACITY_EXCEEDED".to_owned() };
    let command = Command::Receive { profile, references, decision };
    let events = decide(&Call::Absent, command, &Context { now: sources::now() }).unwrap();
    Append {
        call_id: sources::new_call_id(),
        expected: Sequence::START,
        record: Record::of(&events.iter().fold(Call::Absent, evolve)).unwrap(),
        events,
        epoch: None,
        delivery: None,
        settles: Vec::new(),
        trace: Trace::caused_by("an earlier process"),
    }
}

/// What an earlier process left.
async fn leave_calls(folder: &Path) {
    let store = Store::open(&format!("sqlite://{}?mode=rwc", folder.join("callgate.db").display())).await.unwrap();
    store.migrate().await.unwrap();
    let calls: Vec<_> = (0..CALLS).map(|number| Write::Append(Box::new(call(number)))).collect();
    assert!(store.commit(&calls).await.unwrap().iter().all(Result::is_ok));
    store.close().await;
}

#[actix::test]
async fn a_gate_starts_before_it_has_woken_the_sessions_of_earlier_calls_and_wakes_them_a_few_at_a_time() {
    let folder = TempDir::new().unwrap();
    leave_calls(folder.path()).await;
    let (told, mut made) = tokio::sync::mpsc::unbounded_channel();
    let around = Box::new(move |store| {
        let (waiting, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let slow = Arc::new(Slow { store, may_read: Semaphore::new(0), waiting, most });
        told.send(Arc::clone(&slow)).unwrap();
        slow as Arc<dyn EventStore>
    });

    let inside = Inside::on(folder, around).await;

    let slow = made.recv().await.unwrap();
    settles(AT_ONCE, async || slow.waiting.load(Ordering::SeqCst)).await;
    slow.may_read.add_permits(CALLS);
    settles(CALLS, async || inside.gate.directory().counts().0).await;
    settles(0, async || slow.waiting.load(Ordering::SeqCst)).await;
    assert_eq!(slow.most.load(Ordering::SeqCst), AT_ONCE);
}
