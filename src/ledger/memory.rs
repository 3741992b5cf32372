//! The ledger of a single replica: the admission rule over counts in memory.

use async_trait::async_trait;

use super::port::{Answer, Instruction, LedgerError, Occupied, SlotLedger, Standing};
use crate::domain::admission::{Holder, Occupancy, Request, Verdict, admit};
use crate::domain::call::Slot;
use crate::domain::ids::PoolId;
use crate::domain::pool::Pool;

/// Slots in memory. Empty and without a cap until it is loaded: it grants nothing by itself.
#[derive(Debug)]
pub struct MemoryLedger {
    pool: Pool,
    occupancy: Occupancy,
}

impl MemoryLedger {
    /// A ledger that grants nothing until it is loaded.
    pub fn new() -> Self {
        let pool =
            Pool { id: PoolId::default_pool(), cap: 0, paused: true, reserves: std::collections::BTreeMap::new() };
        Self { pool, occupancy: Occupancy::default() }
    }

    fn carry_out(&mut self, instruction: &Instruction) -> Answer {
        match instruction {
            Instruction::Acquire(request) => self.acquire(request),
            Instruction::Release(call_id) => Answer::Released(self.occupancy.remove(*call_id)),
            Instruction::Put(holder) => {
                self.occupancy.put(holder.clone());
                Answer::Done
            }
            Instruction::Configure(pool) => {
                self.pool = pool.clone();
                Answer::Done
            }
        }
    }

    fn acquire(&mut self, request: &Request) -> Answer {
        let verdict = admit(&self.occupancy, &self.pool, request);
        if verdict == Verdict::Granted {
            let Request { call_id, business_id, plan, .. } = request.clone();
            self.occupancy.put(Holder { call_id, business_id, plan, slot: Slot::Held });
        }
        Answer::Acquired(
            verdict,
            Standing {
                business: self.occupancy.business(&request.business_id).taken(),
                business_limit: if request.business_limit == u32::MAX { self.pool.cap } else { request.business_limit },
                global: self.occupancy.total().taken(),
                global_limit: self.pool.cap,
            },
        )
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SlotLedger for MemoryLedger {
    async fn load(&mut self, pool: Pool, holders: Vec<Holder>) -> Result<(), LedgerError> {
        self.pool = pool;
        self.occupancy = holders.into_iter().collect();
        Ok(())
    }

    async fn apply(&mut self, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        Ok(batch.iter().map(|instruction| self.carry_out(instruction)).collect())
    }

    async fn occupied(&mut self) -> Result<Occupied, LedgerError> {
        Ok(Occupied {
            cap: self.pool.cap,
            paused: self.pool.paused,
            reserves: self.pool.reserves.clone(),
            total: self.occupancy.total(),
            plans: self.occupancy.plans().clone(),
            businesses: self.occupancy.businesses().clone(),
            holders: self.occupancy.holders().cloned().collect(),
        })
    }
}
