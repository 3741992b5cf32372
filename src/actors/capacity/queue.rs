//! What waits for the ledger: instructions, and who waits for their answers.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::AcquireError;
use crate::ledger::{Answer, Instruction};
use crate::store::Epoch;

/// Instructions in one batch at most: the script that decides them holds up every other replica.
const BATCH: usize = 200;
/// So often a slot is asked for at ledgers that turn out to be of another epoch.
const ATTEMPTS: u8 = 4;

/// What comes of an instruction: the answer, and the epoch under which it was given.
pub(super) type Reply = Result<(Answer, Epoch), AcquireError>;

/// An instruction, and who waits for its answer.
pub(super) struct Queued {
    pub(super) instruction: Instruction,
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
}

/// Instructions in the order in which they came; those that ask for slots apart from those that give back and put,
/// so that neither waits behind a heap of the other.
#[derive(Default)]
pub(super) struct Queue {
    acquires: VecDeque<Queued>,
    others: VecDeque<Queued>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.acquires.len() + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What must happen some time.
    pub(super) fn tell(&mut self, instruction: Instruction) {
        self.push(Queued { instruction, reply: None, attempts: 0 });
    }

    /// What somebody waits for.
    pub(super) fn ask(&mut self, instruction: Instruction) -> oneshot::Receiver<Reply> {
        let (reply, answer) = oneshot::channel();
        self.push(Queued { instruction, reply: Some(reply), attempts: 0 });
        answer
    }

    fn push(&mut self, queued: Queued) {
        if queued.is_acquire() { self.acquires.push_back(queued) } else { self.others.push_back(queued) }
    }

    /// The next batch: what frees slots first, but never only that.
    pub(super) fn next_batch(&mut self) -> Vec<Queued> {
        let first = self.others.len().min(BATCH - self.acquires.len().min(BATCH / 2));
        let mut batch: Vec<_> = self.others.drain(..first).collect();
        batch.extend(self.acquires.drain(..self.acquires.len().min(BATCH - first)));
        batch
    }

    /// A batch was answered under `epoch`. Where the ledger that counts is another by now (`moved`), what is no
    /// question is said to that one too.
    pub(super) fn answered(&mut self, batch: Vec<Queued>, answers: Vec<Answer>, epoch: Epoch, moved: bool) {
        for (mut queued, answer) in batch.into_iter().zip(answers) {
            if let Some(reply) = queued.reply.take() {
                // Whoever does not wait any more drops the lease that is made from the answer.
                let _ = reply.send(Ok((answer, epoch)));
            }
            if moved && is_said_again(&queued.instruction) {
                self.push(queued);
            }
        }
    }

    /// Nothing of a batch was done: it goes first in the next one.
    pub(super) fn not_done(&mut self, batch: Vec<Queued>) {
        for mut queued in batch.into_iter().rev() {
            queued.attempts = queued.attempts.saturating_add(1);
            if !queued.is_acquire() {
                self.others.push_front(queued);
            } else if queued.attempts < ATTEMPTS {
                self.acquires.push_front(queued);
            } else {
                queued.refuse(AcquireError::Recovering);
            }
        }
    }

    /// Nobody knows whether a batch was done. Whoever waits learns that; what must happen is said again.
    pub(super) fn in_doubt(&mut self, batch: Vec<Queued>) {
        for queued in batch.into_iter().rev() {
            let instruction = match &queued.instruction {
                // It may have been granted all the same; nobody will use that grant.
                Instruction::Acquire(request, lease) => Instruction::GiveBack(request.call_id, *lease),
                other => other.clone(),
            };
            queued.refuse(AcquireError::Unavailable);
            if is_said_again(&instruction) {
                self.others.push_front(Queued { instruction, reply: None, attempts: 0 });
            }
        }
    }

    /// Nobody is left waiting: who wants a slot is refused, all else stays to be done.
    pub(super) fn let_go(&mut self, error: &AcquireError) {
        for queued in self.acquires.drain(..) {
            queued.refuse(error.clone());
        }
        for queued in &mut self.others {
            queued.reply = None;
        }
    }
}

/// A question is not asked again by itself; terms are read anew with every ledger, and compared all the time.
fn is_said_again(instruction: &Instruction) -> bool {
    !matches!(instruction, Instruction::Acquire(..) | Instruction::Configure(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::admission::Request;
    use crate::domain::ids::{CallId, LeaseId};
    use crate::store::Sequence;
    use uuid::Uuid;

    fn acquire(n: u64) -> Instruction {
        let request = Request {
            call_id: CallId::new(Uuid::from_u128(n.into())),
            business_id: "b".parse().unwrap(),
            plan: "PRO".parse().unwrap(),
            business_limit: 9,
        };
        Instruction::Acquire(request, LeaseId(n))
    }

    fn release(n: u128) -> Instruction {
        Instruction::Release { call_id: CallId::new(Uuid::from_u128(n)), as_of: Sequence(2) }
    }

    fn instructions(batch: &[Queued]) -> Vec<Instruction> {
        batch.iter().map(|queued| queued.instruction.clone()).collect()
    }

    #[test]
    fn a_heap_of_releases_does_not_keep_a_question_waiting_and_the_other_way_round() {
        let mut queue = Queue::default();
        (0..1_000).for_each(|n| queue.tell(release(n)));
        let _answers: Vec<_> = (0..1_000).map(|n| queue.ask(acquire(n))).collect();
        let batch = queue.next_batch();
        assert_eq!(batch.len(), BATCH);
        assert_eq!(batch.iter().filter(|queued| queued.is_acquire()).count(), BATCH / 2);
        assert_eq!(batch[0].instruction, release(0), "what frees slots goes first");
    }

    #[test]
    fn what_was_not_done_goes_first_and_in_order_and_a_question_is_not_asked_for_ever() {
        let mut queue = Queue::default();
        let mut answer = queue.ask(acquire(1));
        queue.tell(release(1));
        queue.tell(release(2));
        for _ in 1..ATTEMPTS {
            let batch = queue.next_batch();
            assert_eq!(instructions(&batch), [release(1), release(2), acquire(1)]);
            queue.not_done(batch);
        }
        let batch = queue.next_batch();
        queue.not_done(batch);
        assert_eq!(answer.try_recv().unwrap(), Err(AcquireError::Recovering));
        assert_eq!(instructions(&queue.next_batch()), [release(1), release(2)]);
    }

    #[test]
    fn i1_what_may_have_been_granted_without_an_answer_is_given_back() {
        let mut queue = Queue::default();
        let mut answer = queue.ask(acquire(1));
        queue.tell(release(2));
        let batch = queue.next_batch();
        queue.in_doubt(batch);
        assert_eq!(answer.try_recv().unwrap(), Err(AcquireError::Unavailable));
        let Instruction::Acquire(request, lease) = acquire(1) else { unreachable!() };
        let back = Instruction::GiveBack(request.call_id, lease);
        assert_eq!(instructions(&queue.next_batch()), [release(2), back]);
    }
}
