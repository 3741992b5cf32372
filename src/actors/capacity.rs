//! The CapacityActor: owns the ledger of its node, decides admissions in batches, gives leases.
//!
//! One batch is at the ledger at a time; what arrives meanwhile is the next. At its start, and after a crash,
//! it begins a new epoch and reads who holds a slot from the session table, before it answers anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised, WrapFuture};
use tokio::sync::oneshot;

use super::crash::{Crash, crash};
use super::lease::{GiveBack, Lease};
use crate::domain::admission::{Holder, Rejection, Request, Verdict};
use crate::domain::ids::{CallId, PoolId};
use crate::domain::pool::Pool;
use crate::ledger::{Answer, Instruction, LedgerError, LedgerMode, Occupied, SlotLedger, Standing};
use crate::sources;
use crate::store::{Epoch, Home, NewEpoch, Sequence, Store, StoreError};

/// Instructions in one batch at most.
const BATCH: usize = 512;
/// Between two attempts to rebuild, or to reach the ledger.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes an empty ledger; called at every start.
pub type LedgerFactory = Arc<dyn Fn() -> Box<dyn SlotLedger> + Send + Sync>;

/// Owns the counters.
pub struct CapacityActor {
    store: Store,
    pool: PoolId,
    make_ledger: LedgerFactory,
    backlog: Arc<AtomicUsize>,
    /// Away while a batch is at it.
    ledger: Option<Box<dyn SlotLedger>>,
    epoch: Option<Epoch>,
    surveyed: bool,
    queue: Vec<Queued>,
    readers: Vec<Reader>,
}

/// Who wants to know what is in the ledger.
enum Reader {
    Occupied(oneshot::Sender<Occupied>),
    Holders(oneshot::Sender<Vec<Holder>>),
}

impl Reader {
    async fn read(self, ledger: &mut dyn SlotLedger) {
        match self {
            Self::Occupied(reader) => {
                if let Ok(occupied) = ledger.occupied().await {
                    let _ = reader.send(occupied);
                }
            }
            Self::Holders(reader) => {
                if let Ok(holders) = ledger.holders().await {
                    let _ = reader.send(holders);
                }
            }
        }
    }
}

/// An instruction, and who waits for its answer.
type Queued = (Instruction, Option<oneshot::Sender<Result<Answer, LedgerError>>>);

impl CapacityActor {
    /// An actor that rebuilds its ledger from `store` when it starts.
    pub fn new(store: Store, pool: PoolId, make_ledger: LedgerFactory, backlog: Arc<AtomicUsize>) -> Self {
        Self {
            store,
            pool,
            make_ledger,
            backlog,
            ledger: None,
            epoch: None,
            surveyed: false,
            queue: Vec::new(),
            readers: Vec::new(),
        }
    }

    fn rebuild(&mut self, ctx: &mut Context<Self>) {
        let (store, pool, mut ledger) = (self.store.clone(), self.pool.clone(), (self.make_ledger)());
        let rebuilt = async move {
            // The epoch first: what an older one still admits after this cannot commit, so the rows are all there is.
            let state = store.begin_epoch(&pool, NewEpoch::at(Home::Memory)).await?.state();
            let terms = store.pool(&pool).await?.ok_or_else(|| StoreError(format!("there is no pool {pool}")))?;
            let live = store.live_sessions().await?;
            let holders: Vec<_> = live.iter().filter_map(|row| Some((row.holder()?, row.sequence))).collect();
            let slots = holders.len();
            ledger.load(state.epoch, terms, holders).await.map_err(|error| StoreError(error.to_string()))?;
            Ok::<_, StoreError>((ledger, state, slots))
        };
        ctx.wait(rebuilt.into_actor(self).map(|rebuilt, act, ctx| match rebuilt {
            Ok((ledger, state, slots)) => {
                tracing::info!(epoch = state.epoch.0, slots, "the ledger is rebuilt");
                act.ledger = Some(ledger);
                act.epoch = Some(state.epoch);
                act.surveyed = state.surveyed;
                act.flush(ctx);
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be rebuilt yet");
                ctx.run_later(PAUSE, Self::rebuild);
            }
        }));
    }

    fn enqueue(
        &mut self,
        instruction: Instruction,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Result<Answer, LedgerError>> {
        let (reply, answer) = oneshot::channel();
        self.queue.push((instruction, Some(reply)));
        self.flush(ctx);
        answer
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        self.backlog.store(self.queue.len(), Ordering::Relaxed);
        if self.queue.is_empty() && self.readers.is_empty() {
            return;
        }
        let Some(mut ledger) = self.ledger.take() else { return };
        let rest = self.queue.split_off(self.queue.len().min(BATCH));
        let batch = std::mem::replace(&mut self.queue, rest);
        let readers = std::mem::take(&mut self.readers);
        let epoch = self.epoch;
        let sent = async move {
            let instructions: Vec<_> = batch.iter().map(|(instruction, _)| instruction.clone()).collect();
            let answers = ledger.apply(epoch.unwrap_or(Epoch(0)), &instructions).await;
            for reader in readers {
                reader.read(ledger.as_mut()).await;
            }
            (ledger, batch, answers)
        };
        ctx.spawn(sent.into_actor(self).map(move |(ledger, batch, answers), act, ctx| {
            // A ledger that was rebuilt meanwhile knows better; whoever waits learns that there is no answer.
            if act.epoch == epoch {
                act.ledger = Some(ledger);
                act.answer(batch, answers, ctx);
            }
        }));
    }

    fn answer(&mut self, batch: Vec<Queued>, answers: Result<Vec<Answer>, LedgerError>, ctx: &mut Context<Self>) {
        match answers {
            Ok(answers) => {
                for ((_, reply), answer) in batch.into_iter().zip(answers) {
                    if let Some(reply) = reply {
                        // Whoever does not wait any more drops the lease that is made from the answer.
                        let _ = reply.send(Ok(answer));
                    }
                }
                self.flush(ctx);
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger does not answer");
                let mut again = Vec::new();
                for (instruction, reply) in batch {
                    let undone = match &instruction {
                        // It may have been granted all the same; nobody will use that grant.
                        Instruction::Acquire(request, lease) => Instruction::GiveBack(request.call_id, *lease),
                        _ => instruction,
                    };
                    again.push((undone, None));
                    if let Some(reply) = reply {
                        let _ = reply.send(Err(error.clone()));
                    }
                }
                again.append(&mut self.queue);
                self.queue = again;
                ctx.run_later(PAUSE, Self::flush);
            }
        }
    }

    fn mode(&self) -> LedgerMode {
        if self.epoch.is_some() && self.surveyed { LedgerMode::Memory } else { LedgerMode::Recovering }
    }
}

impl Actor for CapacityActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.rebuild(ctx);
    }
}

impl Supervised for CapacityActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.ledger = None;
        self.epoch = None;
        self.surveyed = false;
        // Whoever waits learns that there is no answer; nothing of it was given to anybody.
        self.queue.clear();
        self.readers.clear();
    }
}

/// Asks for a slot.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Acquired, AcquireError>")]
pub struct Acquire(pub Request);

/// A slot there is.
#[derive(Debug)]
pub enum Acquired {
    /// A new one.
    Granted(Lease),
    /// The call has one already: an admission of the same id is under way or done.
    Held,
}

/// No slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// By the rule.
    Rejected(Rejection, Standing),
    /// The ledger is being rebuilt, or the provider has not been asked yet.
    Recovering,
    /// The ledger does not answer.
    Unavailable,
}

impl Handler<Acquire> for CapacityActor {
    type Result = ResponseFuture<Result<Acquired, AcquireError>>;

    fn handle(&mut self, Acquire(request): Acquire, ctx: &mut Context<Self>) -> Self::Result {
        let (Some(epoch), true) = (self.epoch, self.surveyed) else {
            return Box::pin(std::future::ready(Err(AcquireError::Recovering)));
        };
        let call_id = request.call_id;
        let lease = sources::new_lease_id();
        let answer = self.enqueue(Instruction::Acquire(request, lease), ctx);
        let capacity = ctx.address().recipient();
        Box::pin(async move {
            match answer.await {
                Ok(Ok(Answer::Acquired(Verdict::Granted, standing))) => {
                    Ok(Acquired::Granted(Lease::new(call_id, lease, epoch, standing, capacity)))
                }
                Ok(Ok(Answer::Acquired(Verdict::Held, _))) => Ok(Acquired::Held),
                Ok(Ok(Answer::Acquired(Verdict::Rejected(why), standing))) => {
                    Err(AcquireError::Rejected(why, standing))
                }
                Ok(_) => Err(AcquireError::Unavailable),
                Err(_) => Err(AcquireError::Recovering),
            }
        })
    }
}

impl Handler<GiveBack> for CapacityActor {
    type Result = ();

    fn handle(&mut self, GiveBack { call_id, lease }: GiveBack, ctx: &mut Context<Self>) {
        self.queue.push((Instruction::GiveBack(call_id, lease), None));
        self.flush(ctx);
    }
}

/// A committed state of the call holds nothing: its slot is free.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Release {
    /// The call.
    pub call_id: CallId,
    /// The sequence of the event that says so.
    pub as_of: Sequence,
}

impl Handler<Release> for CapacityActor {
    type Result = ();

    fn handle(&mut self, Release { call_id, as_of }: Release, ctx: &mut Context<Self>) {
        self.queue.push((Instruction::Release { call_id, as_of }, None));
        self.flush(ctx);
    }
}

/// A live call counts, whatever the rule says: overflow, or a slot that the ledger lost.
///
/// Answers whether the ledger had it otherwise, or not at all.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Put {
    /// Who holds what.
    pub holder: Holder,
    /// The sequence of the event that says so.
    pub as_of: Sequence,
}

impl Handler<Put> for CapacityActor {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, Put { holder, as_of }: Put, ctx: &mut Context<Self>) -> Self::Result {
        let answer = self.enqueue(Instruction::Put { holder, as_of }, ctx);
        Box::pin(async move { matches!(answer.await, Ok(Ok(Answer::Put(true)))) })
    }
}

/// The pool's terms have changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Configure(pub Pool);

impl Handler<Configure> for CapacityActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Configure(pool): Configure, ctx: &mut Context<Self>) -> Self::Result {
        let answer = self.enqueue(Instruction::Configure(pool), ctx);
        Box::pin(async move {
            let _ = answer.await;
        })
    }
}

/// The provider has been asked for all its live calls: admissions may begin.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Surveyed;

impl Handler<Surveyed> for CapacityActor {
    type Result = ();

    fn handle(&mut self, _: Surveyed, _: &mut Context<Self>) {
        self.surveyed = true;
    }
}

/// An admission under the present epoch was refused as stale: somebody else has begun another.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Fenced(pub Epoch);

impl Handler<Fenced> for CapacityActor {
    type Result = ();

    fn handle(&mut self, Fenced(epoch): Fenced, ctx: &mut Context<Self>) {
        if self.epoch == Some(epoch) {
            tracing::error!(epoch = epoch.0, "another gate has taken over the ledger's epoch; it is taken back");
            self.ledger = None;
            self.epoch = None;
            self.rebuild(ctx);
        }
    }
}

/// Everything the ledger counts.
#[derive(Debug, Message)]
#[rtype(result = "Option<Capacity>")]
pub struct Snapshot;

/// The state of the gate's slots.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Where admissions are decided.
    pub mode: LedgerMode,
    /// The ledger's epoch.
    pub epoch: Epoch,
    /// Every count.
    pub occupied: Occupied,
}

impl Handler<Snapshot> for CapacityActor {
    type Result = ResponseFuture<Option<Capacity>>;

    fn handle(&mut self, _: Snapshot, ctx: &mut Context<Self>) -> Self::Result {
        let Some(epoch) = self.epoch else { return Box::pin(std::future::ready(None)) };
        let mode = self.mode();
        let (reader, occupied) = oneshot::channel();
        self.readers.push(Reader::Occupied(reader));
        self.flush(ctx);
        Box::pin(async move { Some(Capacity { mode, epoch, occupied: occupied.await.ok()? }) })
    }
}

/// Everybody who holds something, by the ledger.
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<Holder>>")]
pub struct Holders;

impl Handler<Holders> for CapacityActor {
    type Result = ResponseFuture<Option<Vec<Holder>>>;

    fn handle(&mut self, _: Holders, ctx: &mut Context<Self>) -> Self::Result {
        let (reader, holders) = oneshot::channel();
        self.readers.push(Reader::Holders(reader));
        self.flush(ctx);
        Box::pin(async move { holders.await.ok() })
    }
}

impl Handler<Crash> for CapacityActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}
