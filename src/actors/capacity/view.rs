//! The counters, for readers: read from the ledger at most a few times a second, and kept while it is away.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture, WrapFuture};
use tokio::sync::oneshot;

use super::{CapacityActor, Ledgers, State};
use crate::domain::admission::Holder;
use crate::ledger::{LedgerError, LedgerMode, Occupied};
use crate::store::{Epoch, Home};

/// Counts of a shared ledger are believed for so long; this replica's own changes outdate them at once.
const FRESH: Duration = Duration::from_millis(250);

/// What the ledger was last seen to count.
#[derive(Default)]
pub(super) struct Mirror {
    occupied: Occupied,
    read_at: Option<Instant>,
    reading: bool,
    /// Those who wait for the next look.
    readers: Vec<oneshot::Sender<Capacity>>,
}

impl Mirror {
    /// This replica has changed something.
    pub(super) fn outdate(&mut self) {
        self.read_at = None;
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
    /// The ledger's epoch; none while it is not known.
    pub epoch: Option<Epoch>,
    /// Other replicas reach Redis, this one does not.
    pub cut_off: bool,
    /// Every count, as it was when the ledger last answered.
    pub occupied: Occupied,
}

impl CapacityActor {
    fn capacity(&self) -> Capacity {
        let (mode, epoch, cut_off) = match self.state {
            State::Serving { epoch, surveyed: false, .. } => (LedgerMode::Recovering, Some(epoch), false),
            State::Serving { epoch, home, surveyed: true } => (mode_of(home), Some(epoch), false),
            State::Settling { .. } | State::Recovering => (LedgerMode::Recovering, None, false),
            State::Away { cut_off } => (LedgerMode::Recovering, None, cut_off),
        };
        Capacity { mode, epoch, cut_off, occupied: self.mirror.occupied.clone() }
    }

    fn is_fresh(&self) -> bool {
        let shared = matches!(self.ledgers, Ledgers::Cluster { .. });
        shared && self.mirror.read_at.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Answers readers: at once where that is all there is, else after a look that all of them share.
    pub(super) fn read(&mut self, ctx: &mut Context<Self>) {
        if self.mirror.readers.is_empty() || self.mirror.reading {
            return;
        }
        let (epoch, home) = match self.state {
            State::Settling { .. } => return,
            State::Serving { epoch, home, .. } if !self.is_fresh() => (epoch, home),
            _ => return self.show(),
        };
        self.mirror.reading = true;
        let ledger = self.ledgers.at(home).shows.clone();
        let looked = async move { ledger.lock().await.occupied().await };
        ctx.spawn(looked.into_actor(self).map(move |looked, act, ctx| {
            act.mirror.reading = false;
            match looked {
                Ok(occupied) => {
                    act.mirror.occupied = occupied;
                    act.mirror.read_at = Some(Instant::now());
                }
                Err(LedgerError::NotReady { .. }) => act.distrust(epoch, home, ctx),
                Err(LedgerError::Away(_)) => {}
            }
            act.show();
        }));
    }

    fn show(&mut self) {
        let capacity = self.capacity();
        for reader in self.mirror.readers.drain(..) {
            let _ = reader.send(capacity.clone());
        }
    }
}

fn mode_of(home: Home) -> LedgerMode {
    match home {
        Home::Memory => LedgerMode::Memory,
        Home::Redis => LedgerMode::Redis,
        Home::Database => LedgerMode::Database,
    }
}

impl Handler<Snapshot> for CapacityActor {
    type Result = ResponseFuture<Option<Capacity>>;

    fn handle(&mut self, _: Snapshot, ctx: &mut Context<Self>) -> Self::Result {
        let (reader, capacity) = oneshot::channel();
        self.mirror.readers.push(reader);
        self.read(ctx);
        Box::pin(async move { capacity.await.ok() })
    }
}

/// Where admissions are decided, with the counts as they were last seen: asks nobody.
#[derive(Debug, Message)]
#[rtype(result = "Capacity")]
pub struct Glance;

impl Handler<Glance> for CapacityActor {
    type Result = MessageResult<Glance>;

    fn handle(&mut self, _: Glance, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.capacity())
    }
}

/// Everybody who holds something, by the ledger; none where it does not answer.
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<Holder>>")]
pub struct Holders;

impl Handler<Holders> for CapacityActor {
    type Result = ResponseFuture<Option<Vec<Holder>>>;

    fn handle(&mut self, _: Holders, _: &mut Context<Self>) -> Self::Result {
        let State::Serving { home, .. } = self.state else { return Box::pin(std::future::ready(None)) };
        let ledger = self.ledgers.at(home).shows.clone();
        Box::pin(async move { ledger.lock().await.holders().await.ok() })
    }
}
