//! The gate: what HTTP handlers talk to. Knows every room of the node, holds no state of its own.

mod error;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::Addr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::capacity::{self, Capacity, CapacityActor, Configure, Holders, Snapshot};
use super::directory::Directory;
use super::inbound::Intake;
use super::journal::{Flush, JournalActor, Publish};
use super::keyed::Keyed;
use super::roster::Roster;
use super::session::Apply;
use super::supervisor::{Resign, SupervisorActor};
use crate::domain::admission::Holder;
use crate::domain::call::{Command, EndReason, Record, References, TerminationReason, Witness};
use crate::domain::ids::{BusinessId, CallId, PoolId};
use crate::domain::plan::Plans;
use crate::domain::pool::Pool;
use crate::domain::retry_after::{RetryAfter, Wait};
use crate::ledger::Standing;
use crate::sources;
use crate::store::{Bulletin, DirectoryCache, Store, Trace};
use crate::telemetry::Metrics;

pub use error::{GateError, Refused};

/// How long a reader waits for the ledger's counts.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a change of the pool waits for the ledger to take it.
const CONFIGURE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a node that stops waits for its locks to be given up; they run out by themselves.
const RESIGN_TIMEOUT: Duration = Duration::from_secs(1);

/// The rooms of one node.
pub struct GateParts {
    /// The database.
    pub store: Store,
    /// The directory of businesses, as requests read it.
    pub cache: DirectoryCache,
    /// The active sessions.
    pub directory: Directory,
    /// Who gives slots.
    pub capacity: Addr<CapacityActor>,
    /// Who stores events.
    pub journal: Addr<JournalActor>,
    /// Who sweeps.
    pub supervisor: Addr<SupervisorActor>,
    /// Who takes webhooks in.
    pub intake: Intake,
    /// Every actor's state.
    pub roster: Roster,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The plans on offer.
    pub plans: Arc<Plans>,
    /// The configured waits.
    pub retry_after: RetryAfter,
    /// Requests at work at once.
    pub max_in_flight: usize,
}

/// The front of a node. Clones share it.
#[derive(Clone)]
pub struct Gate {
    parts: Arc<GateParts>,
    in_flight: Arc<Semaphore>,
    turns: Arc<Keyed<(BusinessId, String)>>,
    draining: Arc<AtomicBool>,
}

/// A request that is at work. Dropped, it makes room for another.
#[derive(Debug)]
pub struct InFlight {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight_requests.dec();
    }
}

impl Gate {
    /// The front of the rooms in `parts`.
    pub fn new(parts: GateParts) -> Self {
        let in_flight = Arc::new(Semaphore::new(parts.max_in_flight));
        Self { parts: Arc::new(parts), in_flight, turns: Arc::default(), draining: Arc::default() }
    }

    /// A place for one more request, or [`GateError::Overloaded`] at once.
    pub fn enter(&self) -> Result<InFlight, GateError> {
        let metrics = Arc::clone(&self.parts.metrics);
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            metrics.overloaded.inc();
            return Err(GateError::Overloaded);
        };
        metrics.in_flight_requests.inc();
        Ok(InFlight { _permit: permit, metrics })
    }

    /// Asks for a call to be hung up.
    pub async fn hang_up(&self, call_id: CallId, trace: Trace) -> Result<Record, GateError> {
        let command = Command::RequestTermination { reason: TerminationReason::Operator };
        self.apply(call_id, command, trace).await
    }

    /// Notes the operator's word that a call is over.
    pub async fn force_end(&self, call_id: CallId, reason: String, trace: Trace) -> Result<Record, GateError> {
        let session = self.parts.store.session(call_id).await?.filter(|session| session.record.profile.is_some());
        match session.map(|session| session.record.status.is_live()) {
            None => return Err(Refused::UnknownCall.into()),
            Some(false) => return Err(Refused::CallAlreadyOver.into()),
            Some(true) => {}
        }
        let command = Command::End {
            reason: EndReason::Operator,
            at: None,
            references: References::none(),
            witness: Witness::Operator,
            note: Some(reason),
        };
        self.apply(call_id, command, trace).await
    }

    async fn apply(&self, call_id: CallId, command: Command, trace: Trace) -> Result<Record, GateError> {
        let applied = self.parts.directory.ask(call_id, Apply { command, trace }).await??;
        applied.record.ok_or(GateError::Refused(Refused::UnknownCall))
    }

    /// Everything the ledger counts; none while it is being rebuilt.
    pub async fn snapshot(&self) -> Option<Capacity> {
        let asked = tokio::time::timeout(SNAPSHOT_TIMEOUT, self.parts.capacity.send(Snapshot)).await;
        asked.ok()?.ok()?
    }

    /// Every holder; none while the ledger does not answer.
    pub async fn holders(&self) -> Option<Vec<Holder>> {
        let asked = tokio::time::timeout(SNAPSHOT_TIMEOUT, self.parts.capacity.send(Holders)).await;
        asked.ok()?.ok()?
    }

    /// The counts that matter to a call, as they are now.
    pub async fn standing_of(&self, record: &Record) -> Standing {
        self.standing_in(self.snapshot().await.as_ref(), record).await
    }

    /// The counts that matter to a call, in a snapshot.
    pub async fn standing_in(&self, capacity: Option<&Capacity>, record: &Record) -> Standing {
        let (Some(profile), Some(capacity)) = (&record.profile, capacity) else { return Standing::default() };
        let business = self.parts.cache.business(&profile.business_id).await.ok().flatten();
        let cap = capacity.occupied.cap;
        Standing {
            business: capacity.occupied.businesses.get(&profile.business_id).map_or(0, |counts| counts.taken()),
            business_limit: business.map_or(cap, |business| business.limit(&self.parts.plans, cap)),
            global: capacity.occupied.total.taken(),
            global_limit: cap,
        }
    }

    /// Changes the pool's cap and pause, here at once, with an event that says who did it.
    pub async fn change_pool(&self, cap: Option<u32>, paused: Option<bool>, by: String) -> Result<Pool, GateError> {
        let changed = self.parts.store.change_pool(&PoolId::default_pool(), cap, paused).await?;
        let pool = changed.ok_or_else(|| GateError::EventStore("the pool has no row".to_owned()))?;
        // A ledger that is away learns it when it is back: every replica compares its terms with the row.
        let told = self.parts.capacity.send(Configure(pool.clone()));
        let _ = tokio::time::timeout(CONFIGURE_TIMEOUT, told).await;
        tracing::info!(cap = pool.cap, paused = pool.paused, by, "the pool was changed");
        self.parts.journal.do_send(Publish(Bulletin::PoolChanged {
            pool: pool.id.clone(),
            cap: pool.cap,
            paused: pool.paused,
            by,
        }));
        Ok(pool)
    }

    /// Seconds for `Retry-After`.
    pub fn retry_after(&self, wait: Wait) -> u64 {
        self.parts.retry_after.seconds(wait, sources::chance())
    }

    /// From now on the node is not ready, and leaves the sweeps to others.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.parts.supervisor.do_send(Resign);
    }

    /// Whether the node is going away.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits until no placement is under way, everything is stored, and the ledger was told, if it listens.
    pub async fn settle(&self) {
        while self.parts.directory.services().dials() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = self.parts.journal.send(Flush).await;
        let _ = tokio::time::timeout(RESIGN_TIMEOUT, self.parts.supervisor.send(Resign)).await;
        let told = self.parts.capacity.send(capacity::Flush);
        let _ = tokio::time::timeout(CONFIGURE_TIMEOUT, told).await;
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The directory of businesses, as requests read it.
    pub fn cache(&self) -> &DirectoryCache {
        &self.parts.cache
    }

    /// The active sessions.
    pub fn directory(&self) -> &Directory {
        &self.parts.directory
    }

    /// Who gives slots.
    pub fn capacity(&self) -> &Addr<CapacityActor> {
        &self.parts.capacity
    }

    /// Who stores events.
    pub fn journal(&self) -> &Addr<JournalActor> {
        &self.parts.journal
    }

    /// Who sweeps.
    pub fn supervisor(&self) -> &Addr<SupervisorActor> {
        &self.parts.supervisor
    }

    /// Who takes webhooks in.
    pub fn intake(&self) -> &Intake {
        &self.parts.intake
    }

    /// Every actor's state.
    pub fn roster(&self) -> &Roster {
        &self.parts.roster
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// The plans on offer.
    pub fn plans(&self) -> &Plans {
        &self.parts.plans
    }

    pub(in crate::actors) fn turns(&self) -> &Keyed<(BusinessId, String)> {
        &self.turns
    }
}
