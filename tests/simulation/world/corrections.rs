//! What a sweep asks to be changed, carried out.

use callgate::domain::call::Command;
use callgate::domain::ids::CallId;
use callgate::domain::notice::{News, Notice};
use callgate::domain::reconciliation::Correction;
use callgate::ledger::Instruction;
use callgate::provider::Conversation;
use callgate::store::Sequence;

use super::World;
use super::session::Entry;
use super::step::Task;

impl World {
    pub(super) fn carry_out(&mut self, node: usize, correction: Correction) {
        let reason = correction.reason();
        let corrected = match correction {
            Correction::Release { call_id, as_of, overdue } => {
                self.tell(node, Instruction::Release { call_id, as_of: Sequence(as_of) });
                overdue
            }
            Correction::Abandon { call_id } => match self.record(node, call_id, &Entry::of(Command::Abandon)) {
                Ok(_) => {
                    self.tell(node, Instruction::Release { call_id, as_of: Sequence(1) });
                    true
                }
                // The admission exists after all, or nobody can say.
                Err(_) => false,
            },
            Correction::PutBack { call_id } => self.put_back(node, call_id),
            Correction::Tell { call_id, command, .. } => {
                self.note(|| format!("the sweep tells {call_id}: {command:?}"));
                matches!(self.record(node, call_id, &Entry::of(*command)), Ok(true))
            }
            Correction::TakeIn { conversation } => self.take_in(node, &conversation),
        };
        if corrected {
            self.note(|| format!("a correction: {reason}"));
            *self.tally.corrections.entry(reason).or_default() += 1;
        }
    }

    /// A slot that the ledger lost, by the row as it is now. What ends while it is on its way is told after it.
    fn put_back(&mut self, node: usize, call_id: CallId) -> bool {
        let Some(row) = self.database.store.session(call_id) else { return false };
        let Some(holder) = row.holder() else { return false };
        let put = Instruction::Put { holder, as_of: row.sequence };
        self.tell(node, put);
        self.task(node, 100, Task::CheckPut(call_id));
        true
    }

    /// The row is read again, once the slot is back.
    pub(super) fn check_put(&mut self, node: usize, call_id: CallId) {
        let on_its_way =
            |told: &Instruction| matches!(told, Instruction::Put { holder, .. } if holder.call_id == call_id);
        if self.replicas[node].untold.iter().any(on_its_way) || self.database.away {
            return self.task(node, 500, Task::CheckPut(call_id));
        }
        if let Some(row) = self.database.store.session(call_id).filter(|row| row.holder().is_none()) {
            let as_of = row.sequence;
            self.tell(node, Instruction::Release { call_id, as_of });
        }
    }

    fn take_in(&mut self, node: usize, conversation: &str) -> bool {
        let Some(found) = self.provider.look_up(conversation, self.agenda.now) else { return false };
        let notice = notice_of(&found);
        let parked = self.database.store.parked_for(&notice.references);
        let starts = parked.iter().filter(|parked| parked.notice.news == News::Started);
        let settles = starts.map(|parked| parked.id).collect();
        self.welcome_soon(node, notice, None, settles, true);
        true
    }
}

/// A conversation that the sweep found, as a message.
pub(super) fn notice_of(found: &Conversation) -> Notice {
    Notice {
        news: News::Started,
        call_id: None,
        references: found.references.clone(),
        agent_id: found.agent_id.clone(),
        direction: found.direction,
        counterpart: None,
        occurred_at: None,
    }
}
