//! The ledger of a single replica: the admission rule over counts in memory.

use std::collections::HashMap;

use async_trait::async_trait;

use super::port::{Answer, Instruction, LeaseId, LedgerError, Occupied, SlotLedger, Standing};
use crate::domain::admission::{Holder, Occupancy, Request, Verdict, admit};
use crate::domain::call::Slot;
use crate::domain::ids::{CallId, PoolId};
use crate::domain::pool::Pool;
use crate::store::{Epoch, Sequence};

/// Slots in memory. Empty and without an epoch until it is loaded: it grants nothing by itself.
#[derive(Debug)]
pub struct MemoryLedger {
    epoch: Option<Epoch>,
    pool: Pool,
    occupancy: Occupancy,
    claims: HashMap<CallId, Claim>,
}

/// By what a call has its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// By an admission that is under way.
    Lease(LeaseId),
    /// By an event of its log.
    Log(Sequence),
}

impl MemoryLedger {
    /// A ledger that grants nothing until it is loaded.
    pub fn new() -> Self {
        let pool =
            Pool { id: PoolId::default_pool(), cap: 0, paused: true, reserves: std::collections::BTreeMap::new() };
        Self { epoch: None, pool, occupancy: Occupancy::default(), claims: HashMap::new() }
    }

    /// A ledger that holds exactly these, without an epoch.
    pub(super) fn holding(pool: Pool, holders: impl Iterator<Item = (Holder, Claim)>) -> Self {
        let mut ledger = Self { pool, ..Self::new() };
        holders.for_each(|(holder, claim)| ledger.put(holder, claim));
        ledger
    }

    /// Who holds a slot by a lease.
    pub(super) fn leases(&self) -> Vec<(Holder, LeaseId)> {
        let lease = |(call_id, claim): (&CallId, &Claim)| match claim {
            Claim::Lease(lease) => Some((self.occupancy.holder(*call_id)?.clone(), *lease)),
            Claim::Log(_) => None,
        };
        self.claims.iter().filter_map(lease).collect()
    }

    pub(super) fn carry_out(&mut self, instruction: &Instruction) -> Answer {
        match instruction {
            Instruction::Acquire(request, lease) => self.acquire(request, *lease),
            Instruction::GiveBack(call_id, lease) => {
                let same = self.claims.get(call_id) == Some(&Claim::Lease(*lease));
                Answer::Released(same && self.remove(*call_id))
            }
            Instruction::Release { call_id, as_of } => {
                let later = self.said_later(*call_id, *as_of);
                Answer::Released(!later && self.remove(*call_id))
            }
            Instruction::Put { holder, as_of } => {
                if self.said_later(holder.call_id, *as_of) {
                    return Answer::Put(false);
                }
                let changes = self.occupancy.holder(holder.call_id) != Some(holder);
                self.put(holder.clone(), Claim::Log(*as_of));
                Answer::Put(changes)
            }
            Instruction::Configure(pool) => {
                self.pool = pool.clone();
                Answer::Configured
            }
        }
    }

    fn acquire(&mut self, request: &Request, lease: LeaseId) -> Answer {
        let verdict = match (admit(&self.occupancy, &self.pool, request), self.claims.get(&request.call_id)) {
            // The answer was lost, and the request came again.
            (Verdict::Held, Some(Claim::Lease(same))) if *same == lease => Verdict::Granted,
            (Verdict::Granted, _) => {
                let Request { call_id, business_id, plan, .. } = request.clone();
                self.put(Holder { call_id, business_id, plan, slot: Slot::Held }, Claim::Lease(lease));
                Verdict::Granted
            }
            (verdict, _) => verdict,
        };
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

    /// Whether the log has said something of the call after `as_of`.
    fn said_later(&self, call_id: CallId, as_of: Sequence) -> bool {
        matches!(self.claims.get(&call_id), Some(Claim::Log(known)) if *known > as_of)
    }

    fn put(&mut self, holder: Holder, claim: Claim) {
        self.claims.insert(holder.call_id, claim);
        self.occupancy.put(holder);
    }

    fn remove(&mut self, call_id: CallId) -> bool {
        self.claims.remove(&call_id);
        self.occupancy.remove(call_id)
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SlotLedger for MemoryLedger {
    async fn look(&mut self) -> Result<Option<Epoch>, LedgerError> {
        Ok(self.epoch)
    }

    async fn load(&mut self, epoch: Epoch, pool: Pool, holders: Vec<(Holder, Sequence)>) -> Result<(), LedgerError> {
        if self.epoch >= Some(epoch) {
            return Err(LedgerError::NotReady { holds: self.epoch });
        }
        *self = Self { epoch: Some(epoch), pool, ..Self::new() };
        for (holder, as_of) in holders {
            self.put(holder, Claim::Log(as_of));
        }
        Ok(())
    }

    async fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError> {
        if self.epoch != Some(epoch) {
            return Err(LedgerError::NotReady { holds: self.epoch });
        }
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
        })
    }

    async fn holders(&mut self) -> Result<Vec<Holder>, LedgerError> {
        Ok(self.occupancy.holders().cloned().collect())
    }
}
