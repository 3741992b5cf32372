//! The CapacityActor: owns the ledger of its node, decides admissions in batches, gives leases.
//!
//! | room | what lives there |
//! | --- | --- |
//! | here | the actor's state, its start and its restart |
//! | `requests` | what others ask of it, and what they get |
//! | `batch` | one batch at the ledger at a time; what arrives meanwhile is the next |
//! | `queue` | what waits for the ledger |
//! | `home` | where the ledger lives, decided over what this replica sees |
//! | `watch`, `rebuild` | looking, moving, rebuilding |
//! | `view` | the counters, for readers |
//!
//! At its start, and after a crash, it answers nothing before it knows a ledger that is whole.

mod batch;
mod home;
mod queue;
mod rebuild;
mod requests;
mod view;
mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Supervised};
use tokio::sync::{Mutex, oneshot};

use super::crash::{Crash, crash};
use crate::domain::ids::PoolId;
use crate::ledger::SlotLedger;
use crate::store::{Epoch, Home, Store};
use crate::telemetry::Metrics;
use queue::Queue;
pub use requests::{Acquire, AcquireError, Acquired, Configure, Fenced, Flush, Put, Release, Surveyed};
use view::Mirror;
pub use view::{Capacity, Glance, Holders, Snapshot};
use watch::Watch;

/// Between two looks at where the ledger of a cluster lives.
const LOOK: Duration = Duration::from_millis(500);
/// Requests wait so long for a ledger that is being found out about, or rebuilt.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A ledger, and whose turn it is.
pub(super) type SharedLedger = Arc<Mutex<Box<dyn SlotLedger>>>;

/// One ledger, reached twice: a long look does not hold up a decision.
#[derive(Clone)]
pub struct Access {
    /// Where instructions go.
    decides: SharedLedger,
    /// Where readers look.
    shows: SharedLedger,
}

impl Access {
    /// A ledger that two values reach.
    pub fn two(decides: Box<dyn SlotLedger>, shows: Box<dyn SlotLedger>) -> Self {
        Self { decides: Arc::new(Mutex::new(decides)), shows: Arc::new(Mutex::new(shows)) }
    }

    /// A ledger that is one value.
    pub fn one(ledger: Box<dyn SlotLedger>) -> Self {
        let ledger = Arc::new(Mutex::new(ledger));
        Self { decides: Arc::clone(&ledger), shows: ledger }
    }
}

/// Where slots can be counted.
#[derive(Clone)]
pub enum Ledgers {
    /// One replica counts in memory.
    Alone(Access),
    /// Replicas share.
    Cluster {
        /// Where they count.
        redis: Access,
        /// Where they count while Redis is away.
        database: Access,
    },
}

impl Ledgers {
    fn at(&self, home: Home) -> &Access {
        match (self, home) {
            (Self::Alone(ledger), _) => ledger,
            (Self::Cluster { database, .. }, Home::Database) => database,
            (Self::Cluster { redis, .. }, _) => redis,
        }
    }
}

/// Makes the ledgers anew; called at every start.
pub type LedgerFactory = Arc<dyn Fn() -> Ledgers + Send + Sync>;

/// Whether, and where, admissions are decided.
#[derive(Clone, Copy, Debug)]
enum State {
    /// By this ledger, under this epoch.
    Serving { epoch: Epoch, home: Home, surveyed: bool },
    /// It is being found out, or a ledger is being rebuilt: requests wait.
    Settling { since: Instant },
    /// That takes too long: requests are refused.
    Recovering,
    /// Redis is away from here, and may not be for others: requests are refused.
    Away { cut_off: bool },
}

impl State {
    fn settling() -> Self {
        Self::Settling { since: Instant::now() }
    }
}

/// Owns the counters.
pub struct CapacityActor {
    store: Store,
    pool: PoolId,
    make_ledgers: LedgerFactory,
    backlog: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    ledgers: Ledgers,
    state: State,
    queue: Queue,
    /// Those who wait until nothing waits for the ledger.
    idle_waiters: Vec<oneshot::Sender<()>>,
    /// A batch is at the ledger.
    in_flight: bool,
    watch: Watch,
    mirror: Mirror,
}

impl CapacityActor {
    /// An actor that finds out about its ledger, or rebuilds it from `store`, when it starts.
    pub fn new(
        store: Store,
        pool: PoolId,
        make_ledgers: LedgerFactory,
        backlog: Arc<AtomicUsize>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let ledgers = make_ledgers();
        Self {
            store,
            pool,
            make_ledgers,
            backlog,
            metrics,
            ledgers,
            state: State::settling(),
            queue: Queue::default(),
            idle_waiters: Vec::new(),
            in_flight: false,
            watch: Watch::default(),
            mirror: Mirror::default(),
        }
    }
}

impl Actor for CapacityActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_interval(LOOK, Self::on_tick);
    }
}

impl Supervised for CapacityActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.ledgers = (self.make_ledgers)();
        self.state = State::settling();
        // Whoever waits learns that there is no answer; nothing of it was given to anybody.
        self.queue = Queue::default();
        self.idle_waiters.clear();
        self.in_flight = false;
        self.watch = Watch::default();
        self.mirror = Mirror::default();
    }
}

impl Handler<Crash> for CapacityActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}

#[cfg(test)]
mod tests;
