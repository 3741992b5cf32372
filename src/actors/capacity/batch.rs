//! One batch at the ledger at a time; what arrives meanwhile is the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::oneshot;

use super::queue::{Queued, Reply};
use super::{AcquireError, CapacityActor, State};
use crate::ledger::{Answer, Instruction, LedgerError};
use crate::store::{Epoch, Home};

/// Before a ledger that has just refused a batch is looked at again.
const PAUSE: Duration = Duration::from_millis(50);

impl CapacityActor {
    /// Queues what must happen some time.
    pub(super) fn tell(&mut self, instruction: Instruction, ctx: &mut Context<Self>) {
        self.queue.tell(instruction);
        self.flush(ctx);
    }

    /// Queues what somebody waits for.
    pub(super) fn ask(&mut self, instruction: Instruction, ctx: &mut Context<Self>) -> oneshot::Receiver<Reply> {
        let answer = self.queue.ask(instruction);
        self.flush(ctx);
        answer
    }

    /// Queues what must happen some time; whoever asks does not wait for a ledger that is away.
    pub(super) fn ask_if_heard(
        &mut self,
        instruction: Instruction,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Reply> {
        if matches!(self.state, State::Serving { .. } | State::Settling { .. }) {
            return self.ask(instruction, ctx);
        }
        self.tell(instruction, ctx);
        oneshot::channel().1
    }

    /// Sends the next batch, if none is under way and a ledger is there.
    pub(super) fn flush(&mut self, ctx: &mut Context<Self>) {
        self.backlog.store(self.queue.len(), Ordering::Relaxed);
        if self.in_flight {
            return;
        }
        if self.queue.is_empty() {
            for waiter in self.idle_waiters.drain(..) {
                let _ = waiter.send(());
            }
            return;
        }
        let State::Serving { epoch, home, .. } = self.state else { return };
        self.in_flight = true;
        let batch = self.queue.next_batch();
        let (ledger, began) = (Arc::clone(&self.ledgers.at(home).decides), Instant::now());
        let applied = async move {
            let instructions: Vec<_> = batch.iter().map(|queued| queued.instruction.clone()).collect();
            let answers = ledger.lock().await.apply(epoch, &instructions).await;
            (batch, answers)
        };
        ctx.spawn(applied.into_actor(self).map(move |(batch, answers), act, ctx| {
            act.in_flight = false;
            act.metrics.record_ledger_batch(u32::try_from(batch.len()).unwrap_or(u32::MAX), began.elapsed());
            act.mirror.outdate();
            act.conclude(epoch, home, batch, answers, ctx);
            act.flush(ctx);
        }));
    }

    fn conclude(
        &mut self,
        epoch: Epoch,
        home: Home,
        batch: Vec<Queued>,
        answers: Result<Vec<Answer>, LedgerError>,
        ctx: &mut Context<Self>,
    ) {
        let present = matches!(self.state, State::Serving { epoch: present, .. } if present == epoch);
        match answers {
            Ok(answers) => {
                self.watch.trust(home);
                self.queue.answered(batch, answers, epoch, !present);
            }
            Err(LedgerError::NotReady { holds }) => {
                tracing::warn!(
                    epoch = epoch.0,
                    holds = holds.map(|epoch| epoch.0),
                    home = home.as_str(),
                    "the ledger is not whole, or of another epoch"
                );
                self.queue.not_done(batch);
                self.distrust(epoch, home, ctx);
            }
            Err(error @ LedgerError::Away(_)) => {
                self.metrics.ledger_failures.inc();
                tracing::warn!(%error, home = home.as_str(), instructions = batch.len(), "the ledger does not answer");
                self.queue.in_doubt(batch);
                self.queue.let_go(&AcquireError::Unavailable);
                self.watch.lose(home);
                if present {
                    self.state = State::Away { cut_off: false };
                }
                self.look(ctx);
            }
        }
    }

    /// The ledger there refused what it should not have: looks again, by the way that decides, after a moment.
    pub(super) fn distrust(&mut self, epoch: Epoch, home: Home, ctx: &mut Context<Self>) {
        self.watch.doubt(home);
        if matches!(self.state, State::Serving { epoch: present, .. } if present == epoch) {
            self.state = State::settling();
        }
        ctx.run_later(PAUSE, Self::look);
    }
}
