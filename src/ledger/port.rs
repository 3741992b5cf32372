//! What any ledger can do. Every instruction is idempotent by call id, so it may be sent again.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

pub use crate::domain::admission::Counts;
use crate::domain::admission::{Holder, Request, Verdict};
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::domain::pool::Pool;

/// One change of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Give the call a slot, if the rule allows it.
    Acquire(Request),
    /// Take back what the call holds; nothing happens where it holds nothing.
    Release(CallId),
    /// Note a holder that exists whatever the rule says: a live call.
    Put(Holder),
    /// New terms; slots that are held stay held.
    Configure(Pool),
}

/// The answer to one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Instruction::Acquire`].
    Acquired(Verdict, Standing),
    /// To [`Instruction::Release`]: whether the call held something.
    Released(bool),
    /// To [`Instruction::Put`] and [`Instruction::Configure`].
    Done,
}

/// The counts that matter to one request, after it was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Places of the business that are taken.
    pub business: u32,
    /// Its limit.
    pub business_limit: u32,
    /// Places of the pool that are taken.
    pub global: u32,
    /// Its cap.
    pub global_limit: u32,
}

/// Everything a ledger counts, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// The pool's cap.
    pub cap: u32,
    /// No new slots while true.
    pub paused: bool,
    /// Slots kept per plan.
    pub reserves: BTreeMap<PlanName, u32>,
    /// The whole pool.
    pub total: Counts,
    /// Every plan with something taken.
    pub plans: BTreeMap<PlanName, Counts>,
    /// Every business with something taken.
    pub businesses: HashMap<BusinessId, Counts>,
    /// Every holder.
    pub holders: Vec<Holder>,
}

/// Where admissions are decided at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerMode {
    /// In this process.
    Memory,
    /// Nowhere yet: the ledger is being rebuilt, or the provider has not been asked yet.
    Recovering,
}

impl LedgerMode {
    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Recovering => "recovering",
        }
    }
}

/// A ledger that does not answer. Whether the instructions were carried out is unknown: send them again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the ledger does not answer: {0}")]
pub struct LedgerError(pub String);

/// A ledger of one pool.
#[async_trait]
pub trait SlotLedger: Send {
    /// Forgets everything, then holds exactly these.
    async fn load(&mut self, pool: Pool, holders: Vec<Holder>) -> Result<(), LedgerError>;

    /// Carries out a batch, in order, as if nothing came between.
    async fn apply(&mut self, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError>;

    /// Everything it counts.
    async fn occupied(&mut self) -> Result<Occupied, LedgerError>;
}
