//! Looks around in all rooms of the node, and waits for none of them for long: what does not answer is not known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::debug::supervisor::sweeper;
use super::figures::Figures;
use super::view::{
    CallsView, LastSweepView, LedgerView, Overview, ProviderKindView, ProviderView, RejectionsView, SessionsView,
    StepView, SweepView,
};
use crate::actors::Gate;
use crate::actors::capacity::Capacity;
use crate::actors::supervisor::{self, Digest, Scope, SupervisorView};
use crate::actors::sweeper::{Sweeper, UNDER_WAY};
use crate::domain::business::Business;
use crate::domain::call::Status;
use crate::domain::ids::{BusinessId, PoolId};
use crate::domain::oversubscription::{Sale, Threshold};
use crate::domain::pool::Pool;
use crate::ledger::{LedgerMode, Occupied};
use crate::sources;
use crate::store::{Run, StoreError};

/// A ledger that does not count within this is being rebuilt, or might as well be.
const LEDGER_PATIENCE: Duration = Duration::from_millis(900);
/// Whatever is not answered this long after a look began is not known.
const PATIENCE: Duration = Duration::from_millis(1_900);
/// Sweeps that compare the ledger with the table, and so tell its drift.
const COMPARING: [&str; 2] = [Scope::Full.as_str(), Scope::Ledger.as_str()];

/// Who carries the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// The simulated provider in this process, where it listens.
    Embedded(String),
    /// Another process, or `ElevenLabs` itself.
    Elevenlabs,
}

/// What an overview shows that no room of the gate can tell.
#[derive(Clone, Debug)]
pub struct Vantage {
    /// Who carries the calls.
    pub provider: ProviderKind,
    /// The pool's terms at the start.
    pub pool: Pool,
    /// More oversubscription than this is too much.
    pub threshold: Threshold,
}

/// Sees the whole node.
pub(in crate::http) struct Lookout {
    gate: Gate,
    provider: ProviderView,
    threshold: Threshold,
    since: Instant,
    /// The pool's terms as they were last seen: they do not change while nobody can say them.
    pool: Mutex<Pool>,
    /// The last sweep of all views, and the last that compared the ledger.
    sweeps: Mutex<[Option<Arc<Swept>>; 2]>,
}

/// A sweep that is over.
struct Swept {
    run: Run,
    digest: Digest,
}

/// The ledger as it was seen.
pub(in crate::http) struct Seen {
    /// What it says; none where it does not answer.
    pub(in crate::http) capacity: Option<Capacity>,
    /// The pool's terms.
    pub(in crate::http) pool: Pool,
}

impl Seen {
    /// What the ledger counts; none while it is not whole, or calls may be live that it knows nothing of.
    pub(in crate::http) fn occupied(&self) -> Option<&Occupied> {
        let capacity = self.capacity.as_ref()?;
        (capacity.mode != LedgerMode::Recovering).then_some(&capacity.occupied)
    }

    fn mode(&self) -> LedgerMode {
        self.capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode)
    }
}

/// What only the database knows.
#[derive(Default)]
struct Table {
    live: Option<Vec<(Status, u64)>>,
    stalled: Option<u64>,
    sales: Option<Arc<[Sale]>>,
    callers: Option<HashMap<BusinessId, Business>>,
    swept: [Option<Arc<Swept>>; 2],
    is_swept: Option<bool>,
}

/// The answer, if it comes in time and is one.
async fn answer<T>(deadline: Instant, question: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    if Instant::now() >= deadline {
        return None;
    }
    match timeout_at(deadline, question).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the overview is without a figure");
            None
        }
        Err(_) => None,
    }
}

impl Lookout {
    pub(in crate::http) fn new(gate: Gate, vantage: Vantage) -> Self {
        let provider = match vantage.provider {
            ProviderKind::Embedded(url) => ProviderView { kind: ProviderKindView::Simulator, simulator_url: Some(url) },
            ProviderKind::Elevenlabs => ProviderView { kind: ProviderKindView::Elevenlabs, simulator_url: None },
        };
        Self {
            gate,
            provider,
            threshold: vantage.threshold,
            since: Instant::now(),
            pool: Mutex::new(vantage.pool),
            sweeps: Mutex::default(),
        }
    }

    pub(in crate::http) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(in crate::http) fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Everything, as it is now.
    pub(in crate::http) async fn look(&self) -> Overview {
        let deadline = Instant::now() + PATIENCE;
        let seen = self.ledger(deadline).await;
        let inspected = timeout_at(deadline, self.gate.supervisor().send(supervisor::Inspect));
        let (inspected, table) = join(inspected, Box::pin(self.table(&seen, deadline))).await;
        self.overview(&seen, inspected.ok().and_then(Result::ok).as_ref(), &table)
    }

    /// The ledger, and the pool's terms from wherever they can be had.
    pub(in crate::http) async fn ledger(&self, deadline: Instant) -> Seen {
        let within = LEDGER_PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
        let capacity = timeout(within, self.gate.snapshot()).await.ok().flatten();
        let terms = match terms_of(capacity.as_ref()) {
            Some(terms) => Some(terms),
            None => answer(deadline, self.gate.store().pool(&PoolId::default_pool())).await.flatten(),
        };
        Seen { capacity, pool: self.remembered(terms) }
    }

    /// The pool's terms by a ledger, or as they were last seen.
    pub(in crate::http) fn pool_by(&self, capacity: Option<&Capacity>) -> Pool {
        self.remembered(terms_of(capacity))
    }

    fn remembered(&self, terms: Option<Pool>) -> Pool {
        let mut known = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(terms) = terms {
            *known = terms;
        }
        known.clone()
    }

    /// What was sold; none while the database does not answer.
    pub(in crate::http) async fn sales(&self, deadline: Instant) -> Option<Arc<[Sale]>> {
        answer(deadline, self.gate.cache().sales()).await
    }

    /// The businesses that have calls, as far as they are registered; none where that cannot be had.
    pub(in crate::http) async fn callers(
        &self,
        occupied: Option<&Occupied>,
        deadline: Instant,
    ) -> Option<HashMap<BusinessId, Business>> {
        let ids: Vec<BusinessId> = occupied?.businesses.keys().cloned().collect();
        let mut found = answer(deadline, self.gate.store().businesses_of(&ids)).await?;
        found.extend(ids.contains(&BusinessId::demo()).then(Business::demo));
        Some(found.into_iter().map(|business| (business.id.clone(), business)).collect())
    }

    /// One question after the other: reading takes no connections away from calls.
    async fn table(&self, seen: &Seen, deadline: Instant) -> Table {
        let store = self.gate.store();
        let known = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let after = |swept: Option<&Arc<Swept>>| swept.map(|swept| swept.run.started_at);
        let [full, compared] = [known[0].as_ref(), known[1].as_ref()];
        let mut table = Table {
            live: answer(deadline, store.count_live_by_status()).await,
            stalled: answer(deadline, store.count_stalled()).await,
            sales: self.sales(deadline).await,
            callers: self.callers(seen.occupied(), deadline).await,
            swept: [
                newer(full, answer(deadline, store.run_after(&COMPARING[..1], after(full))).await.flatten()),
                newer(compared, answer(deadline, store.run_after(&COMPARING, after(compared))).await.flatten()),
            ],
            is_swept: answer(deadline, store.is_locked(UNDER_WAY)).await,
        };
        self.remember(&mut table.swept);
        table
    }

    /// Another look may have been slower to read what this one knows, or quicker to read something newer.
    fn remember(&self, swept: &mut [Option<Arc<Swept>>; 2]) {
        let mut known = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        for (known, swept) in known.iter_mut().zip(swept) {
            *known = later(known.take(), swept.take());
            swept.clone_from(known);
        }
    }

    fn overview(&self, seen: &Seen, inspected: Option<&SupervisorView>, table: &Table) -> Overview {
        let figures = Figures {
            occupied: seen.occupied(),
            pool: &seen.pool,
            plans: self.gate.plans(),
            sales: table.sales.as_deref(),
            callers: table.callers.as_ref(),
        };
        let capacity = seen.capacity.as_ref();
        let [full, compared] = &table.swept;
        Overview {
            at: sources::now(),
            node: sources::node(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.since.elapsed().as_secs(),
            pool: figures.pool(),
            ledger: LedgerView {
                mode: seen.mode().into(),
                epoch: capacity.and_then(|capacity| capacity.epoch).map(|epoch| epoch.0),
                drift: compared.as_ref().and_then(|swept| swept.digest.drift),
                cut_off: capacity.is_some_and(|capacity| capacity.cut_off),
            },
            calls: calls(table.live.as_deref(), table.stalled),
            plans: figures.plans(),
            businesses: figures.businesses(),
            oversubscription: figures.oversubscription(self.threshold),
            rejections: self.rejections(),
            actors: self.gate.roster().all().into_iter().map(Into::into).collect(),
            sessions: self.sessions(),
            sweep: sweep(inspected, table.is_swept, full.as_deref()),
            provider: self.provider.clone(),
        }
    }

    fn rejections(&self) -> RejectionsView {
        let tally = self.gate.metrics().rejections();
        RejectionsView {
            total: tally.total,
            by_reason: tally.by_reason,
            by_plan: tally.by_plan,
            elevenlabs_429: self.gate.metrics().elevenlabs_429.get(),
        }
    }

    fn sessions(&self) -> SessionsView {
        let (live, activated) = self.gate.directory().counts();
        SessionsView { live: live as u64, activated }
    }
}

/// The pool's terms by a ledger that is whole.
fn terms_of(capacity: Option<&Capacity>) -> Option<Pool> {
    let Occupied { cap, paused, reserves, .. } =
        &capacity.filter(|capacity| capacity.mode != LedgerMode::Recovering)?.occupied;
    Some(Pool { id: PoolId::default_pool(), cap: *cap, paused: *paused, reserves: reserves.clone() })
}

/// Whichever ended later.
fn later(one: Option<Arc<Swept>>, other: Option<Arc<Swept>>) -> Option<Arc<Swept>> {
    one.into_iter().chain(other).max_by_key(|swept| swept.run.finished_at)
}

/// The newer of a sweep that is known and one that was read. A report that cannot be read says nothing.
fn newer(known: Option<&Arc<Swept>>, read: Option<Run>) -> Option<Arc<Swept>> {
    let read = read.and_then(|run| Digest::of(&run).map(|digest| Arc::new(Swept { run, digest })));
    read.or_else(|| known.cloned())
}

fn calls(live: Option<&[(Status, u64)]>, stalled: Option<u64>) -> CallsView {
    let of = |status: Status| {
        live.map(|live| live.iter().find(|(other, _)| *other == status).map_or(0, |(_, calls)| *calls))
    };
    CallsView {
        placing: of(Status::Placing),
        uncertain: of(Status::Uncertain),
        active: of(Status::Active),
        terminating: of(Status::Terminating),
        stuck_terminations: stalled,
    }
}

/// `is_swept`: whether one of several replicas has the lock of a sweep.
fn sweep(inspected: Option<&SupervisorView>, is_swept: Option<bool>, last: Option<&Swept>) -> SweepView {
    let last = last.map(|Swept { run, digest }| LastSweepView {
        scope: run.scope.clone(),
        trigger: run.trigger.clone(),
        node: run.node.clone(),
        finished_at: run.finished_at,
        duration_ms: digest.duration_ms,
        success: digest.success,
        corrections: digest.corrections,
        in_doubt: digest.in_doubt,
        error: digest.error.clone(),
    });
    let Some(view) = inspected else {
        return SweepView { last, sweeping: is_swept.filter(|is| *is), ..SweepView::default() };
    };
    let sweeping = match (view.sweeping, &view.sweeper) {
        (true, _) => Some(true),
        (false, Sweeper::Alone) => Some(false),
        (false, _) => is_swept,
    };
    SweepView {
        sweeping,
        step: StepView { name: view.step.name, done: view.step.done, total: view.step.total },
        sweeper: sweeper(&view.sweeper).map(str::to_owned),
        interval_seconds: Some(view.schedule.full.as_secs()),
        ledger_interval_seconds: Some(view.schedule.ledger.as_secs()),
        last,
    }
}
