//! The ledger while Redis is away: the database decides, one batch at a time over all replicas.
//!
//! What calls hold by their events it reads from the session table; only leases are rows of its own. So there is
//! nothing to load, and nothing that could differ from the log.

use async_trait::async_trait;

use super::memory::{Claim, MemoryLedger};
use super::port::{Answer, Instruction, LedgerError, Occupied, SlotLedger};
use crate::domain::admission::Holder;
use crate::domain::ids::{LeaseId, PoolId};
use crate::domain::pool::Pool;
use crate::store::{Epoch, Sequence, SlotTable, Store, StoreError, Turn};

/// Slots in the database.
#[derive(Clone, Debug)]
pub struct DatabaseLedger {
    store: Store,
    pool: PoolId,
}

impl DatabaseLedger {
    /// The slots of `pool` in `store`.
    pub fn new(store: Store, pool: PoolId) -> Self {
        Self { store, pool }
    }

    async fn read(&self) -> Result<MemoryLedger, LedgerError> {
        Ok(counted(self.store.slot_table(&self.pool).await.map_err(away)?))
    }
}

fn away(error: StoreError) -> LedgerError {
    LedgerError::Away(error.0)
}

/// The table in memory, where the rule is.
fn counted(SlotTable { terms, by_log, by_lease }: SlotTable) -> MemoryLedger {
    let by_log = by_log.into_iter().map(|(holder, as_of)| (holder, Claim::Log(as_of)));
    let by_lease = by_lease.into_iter().map(|(holder, lease)| (holder, Claim::Lease(lease)));
    MemoryLedger::holding(terms, by_log.chain(by_lease))
}

/// By the log nothing can be said that the session table does not say.
fn is_said_by_the_table(instruction: &Instruction) -> Option<Answer> {
    match instruction {
        Instruction::Put { .. } => Some(Answer::Put(false)),
        Instruction::Configure(_) => Some(Answer::Configured),
        _ => None,
    }
}

#[async_trait]
impl SlotLedger for DatabaseLedger {
    async fn look(&mut self) -> Result<Option<Epoch>, LedgerError> {
        let state = self.store.epoch_state(&self.pool).await.map_err(away)?;
        Ok(state.filter(|state| state.home == crate::store::Home::Database).map(|state| state.epoch))
    }

    async fn newest(&mut self) -> Result<Option<Epoch>, LedgerError> {
        self.look().await
    }

    async fn load(&mut self, epoch: Epoch, _: Pool, _: Vec<(Holder, Sequence)>) -> Result<(), LedgerError> {
        let holds = self.look().await?;
        if holds == Some(epoch) { Ok(()) } else { Err(LedgerError::NotReady { holds }) }
    }

    async fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        let turn = match self.store.slot_turn(&self.pool, epoch).await.map_err(away)? {
            Turn::Begun(turn) => turn,
            Turn::Elsewhere(holds) => return Err(LedgerError::NotReady { holds }),
        };
        let table = turn.table().await.map_err(away)?;
        let before: Vec<(Holder, LeaseId)> = table.by_lease.clone();
        let mut memory = counted(table);
        let answers = batch
            .iter()
            .map(|instruction| is_said_by_the_table(instruction).unwrap_or_else(|| memory.carry_out(instruction)))
            .collect();
        turn.finish(&before, &memory.leases()).await.map_err(away)?;
        Ok(answers)
    }

    async fn occupied(&mut self) -> Result<Occupied, LedgerError> {
        self.read().await?.occupied().await
    }

    async fn holders(&mut self) -> Result<Vec<Holder>, LedgerError> {
        self.read().await?.holders().await
    }
}

#[cfg(test)]
mod tests;
