//! One batch at the ledger at a time; what arrives meanwhile is the next.

use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::oneshot;

use super::{AcquireError, CapacityActor, State};
use crate::ledger::{Answer, Instruction, LedgerError};
use crate::store::{Epoch, Home};

/// Instructions in one batch at most: the script that decides them holds up every other replica.
const BATCH: usize = 200;
/// So often an instruction is tried at ledgers that turn out to be of another epoch.
const ATTEMPTS: u8 = 4;

/// What comes of an instruction: the answer, and the epoch under which it was given.
pub(super) type Reply = Result<(Answer, Epoch), AcquireError>;

/// An instruction, and who waits for its answer.
pub(super) struct Queued {
    instruction: Instruction,
    reply: Option<oneshot::Sender<Reply>>,
    attempts: u8,
}

impl Queued {
    fn is_acquire(&self) -> bool {
        matches!(self.instruction, Instruction::Acquire(..))
    }

    fn refuse(self, error: AcquireError) {
        if let Some(reply) = self.reply {
            let _ = reply.send(Err(error));
        }
    }

    /// What is left to do where nobody knows whether it was carried out. Whoever waits learns that.
    fn in_doubt(self) -> Self {
        let instruction = match &self.instruction {
            // It may have been granted all the same; nobody will use that grant.
            Instruction::Acquire(request, lease) => Instruction::GiveBack(request.call_id, *lease),
            other => other.clone(),
        };
        self.refuse(AcquireError::Unavailable);
        Self { instruction, reply: None, attempts: 0 }
    }
}

impl CapacityActor {
    /// Queues what must happen some time.
    pub(super) fn tell(&mut self, instruction: Instruction, ctx: &mut Context<Self>) {
        self.queue.push(Queued { instruction, reply: None, attempts: 0 });
        self.flush(ctx);
    }

    /// Queues what somebody waits for.
    pub(super) fn ask(&mut self, instruction: Instruction, ctx: &mut Context<Self>) -> oneshot::Receiver<Reply> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Queued { instruction, reply: Some(reply), attempts: 0 });
        self.flush(ctx);
        answer
    }

    /// Sends the next batch, if none is under way and a ledger is there.
    pub(super) fn flush(&mut self, ctx: &mut Context<Self>) {
        self.backlog.store(self.queue.len(), Ordering::Relaxed);
        let State::Serving { epoch, home, .. } = self.state else { return };
        if self.in_flight || self.queue.is_empty() {
            return;
        }
        self.in_flight = true;
        let rest = self.queue.split_off(self.queue.len().min(BATCH));
        let batch = std::mem::replace(&mut self.queue, rest);
        let (ledger, began) = (self.ledgers.at(home), Instant::now());
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
        match answers {
            Ok(answers) => {
                let moved = !matches!(self.state, State::Serving { epoch: present, .. } if present == epoch);
                for (mut queued, answer) in batch.into_iter().zip(answers) {
                    if let Some(reply) = queued.reply.take() {
                        // Whoever does not wait any more drops the lease that is made from the answer.
                        let _ = reply.send(Ok((answer, epoch)));
                    }
                    if moved && !queued.is_acquire() {
                        // The ledger that took it is not the one that counts now.
                        self.queue.push(queued);
                    }
                }
            }
            Err(LedgerError::NotReady { holds }) => {
                tracing::warn!(epoch = epoch.0, holds = ?holds.map(|epoch| epoch.0), home = home.as_str(), "the ledger is not whole, or of another epoch");
                self.try_again(batch);
                self.unsettle(epoch, ctx);
            }
            Err(error @ LedgerError::Away(_)) => {
                self.metrics.ledger_failures.inc();
                tracing::warn!(%error, home = home.as_str(), instructions = batch.len(), "the ledger does not answer");
                let rest = std::mem::take(&mut self.queue);
                self.queue = batch.into_iter().map(Queued::in_doubt).chain(rest).collect();
                self.refuse_acquires(&AcquireError::Unavailable);
                self.watch.lose(home);
                if matches!(self.state, State::Serving { epoch: present, .. } if present == epoch) {
                    self.state = State::Away { cut_off: false };
                }
                self.look(ctx);
            }
        }
    }

    /// Nothing of it was done: it goes first in the next batch.
    fn try_again(&mut self, batch: Vec<Queued>) {
        let rest = std::mem::take(&mut self.queue);
        for mut queued in batch {
            queued.attempts += 1;
            if queued.attempts >= ATTEMPTS && queued.is_acquire() {
                queued.refuse(AcquireError::Recovering);
            } else {
                self.queue.push(queued);
            }
        }
        self.queue.extend(rest);
    }

    /// Whoever waits for a slot is not left waiting.
    pub(super) fn refuse_acquires(&mut self, error: &AcquireError) {
        for queued in std::mem::take(&mut self.queue) {
            if queued.is_acquire() {
                queued.refuse(error.clone());
            } else {
                self.queue.push(queued);
            }
        }
    }

    /// The ledger of `epoch` is in question: finds out before anything else is asked of it.
    pub(super) fn unsettle(&mut self, epoch: Epoch, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Serving { epoch: present, .. } if present == epoch) {
            self.state = State::settling();
        }
        self.look(ctx);
    }
}
