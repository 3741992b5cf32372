//! The ledger that replicas share: the real one, which can be lost, be away, or not answer.

use callgate::domain::admission::Holder;
use callgate::domain::call::Slot;
use callgate::domain::ids::CallId;
use callgate::domain::pool::Pool;
use callgate::ledger::{Answer, Instruction, LedgerError, MemoryLedger, Occupied, SlotLedger};
use callgate::store::{Epoch, Sequence};
use futures_util::FutureExt;

/// Where slots are counted.
pub(super) struct Redis {
    ledger: MemoryLedger,
    pub(super) away: bool,
    /// A release that comes a second time takes whatever slot there is: a sabotage.
    pub(super) counts_releases: bool,
}

impl Redis {
    pub(super) fn new() -> Self {
        Self { ledger: MemoryLedger::new(), away: false, counts_releases: false }
    }

    /// It restarts with nothing.
    pub(super) fn forget(&mut self) {
        self.ledger = MemoryLedger::new();
    }

    pub(super) fn look(&mut self) -> Result<Option<Epoch>, LedgerError> {
        self.reached()?;
        now(self.ledger.look())
    }

    pub(super) fn load(
        &mut self,
        epoch: Epoch,
        pool: Pool,
        holders: Vec<(Holder, Sequence)>,
    ) -> Result<(), LedgerError> {
        self.reached()?;
        now(self.ledger.load(epoch, pool, holders))
    }

    pub(super) fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        self.reached()?;
        let answers = now(self.ledger.apply(epoch, batch))?;
        if self.counts_releases {
            for (instruction, answer) in batch.iter().zip(&answers) {
                if let (Instruction::Release { .. }, Answer::Released(false)) = (instruction, answer) {
                    self.release_somebody(epoch);
                }
            }
        }
        Ok(answers)
    }

    /// What a ledger would do that only counts.
    fn release_somebody(&mut self, epoch: Epoch) {
        let Some(other) = self.holders().into_iter().find(|holder| holder.slot == Slot::Held) else { return };
        let release = Instruction::Release { call_id: other.call_id, as_of: Sequence(u64::MAX) };
        let _ = now(self.ledger.apply(epoch, &[release]));
    }

    /// Everybody who holds something, by their ids; for the judge, who sees it even while it is away.
    pub(super) fn holders(&mut self) -> Vec<Holder> {
        let mut holders = now(self.ledger.holders()).unwrap_or_default();
        holders.sort_unstable_by_key(|holder| holder.call_id);
        holders
    }

    pub(super) fn holds(&mut self, call_id: CallId) -> bool {
        self.holders().iter().any(|holder| holder.call_id == call_id)
    }

    pub(super) fn occupied(&mut self) -> Occupied {
        now(self.ledger.occupied()).unwrap_or_default()
    }

    /// Its epoch, for the judge.
    pub(super) fn epoch(&mut self) -> Option<Epoch> {
        now(self.ledger.look()).unwrap_or_default()
    }

    fn reached(&self) -> Result<(), LedgerError> {
        if self.away { Err(LedgerError::Away("it is away".to_owned())) } else { Ok(()) }
    }
}

/// The ledger in memory never waits.
fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("the ledger in memory waits for nothing")
}
