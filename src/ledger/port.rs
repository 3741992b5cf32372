//! What any ledger can do. Every instruction is idempotent by call id, so it may be sent again.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

pub use crate::domain::admission::Counts;
use crate::domain::admission::{Holder, Request, Verdict};
pub use crate::domain::ids::LeaseId;
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::domain::pool::Pool;
use crate::store::{Epoch, Sequence};

/// One change of the ledger. Each may be repeated: the second time changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Give the call a slot under this lease, if the rule allows it.
    Acquire(Request, LeaseId),
    /// Take back a slot whose admission was never handed in. One that the call has by another lease, or by the
    /// log, stays.
    GiveBack(CallId, LeaseId),
    /// By the log the call holds nothing since `as_of`: take back what it has, unless the log gave it later.
    Release {
        /// The call.
        call_id: CallId,
        /// The sequence of the event that says so.
        as_of: Sequence,
    },
    /// By the log the call holds this since `as_of`, whatever the rule says. What the log said later stays.
    Put {
        /// Who holds what.
        holder: Holder,
        /// The sequence of the event that says so.
        as_of: Sequence,
    },
    /// New terms; slots that are held stay held.
    Configure(Pool),
}

/// The answer to one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Instruction::Acquire`]. [`Verdict::Held`] where the call has a slot otherwise than by this lease.
    Acquired(Verdict, Standing),
    /// To [`Instruction::GiveBack`] and [`Instruction::Release`]: whether something was taken back.
    Released(bool),
    /// To [`Instruction::Put`]: whether the call held something else before, or nothing.
    Put(bool),
    /// To [`Instruction::Configure`].
    Configured,
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
}

/// Where admissions are decided at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerMode {
    /// In this process.
    Memory,
    /// In Redis, for all replicas.
    Redis,
    /// In the database, for all replicas, while Redis is away.
    Database,
    /// Nowhere yet: the ledger is being rebuilt, or the provider has not been asked yet.
    Recovering,
}

impl LedgerMode {
    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Database => "database",
            Self::Recovering => "recovering",
        }
    }
}

/// Why a ledger did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// No answer. Whether the instructions were carried out is unknown: give leases back, send all else again.
    #[error("the ledger does not answer: {0}")]
    Away(String),
    /// Nothing was done: what is there is not the ledger of that epoch, or not all of it.
    #[error("the ledger is not that of the epoch asked for (it holds {holds:?})")]
    NotReady {
        /// The epoch of what is there, as far as it can be told; none: there is nothing, or nothing whole.
        holds: Option<Epoch>,
    },
}

/// A ledger of one pool. Everything it does is done under one epoch, or not at all.
#[async_trait]
pub trait SlotLedger: Send {
    /// Whether it can be reached and written to, and which epoch it holds; none: there is nothing whole.
    async fn look(&mut self) -> Result<Option<Epoch>, LedgerError>;

    /// The epoch it was last loaded under, even if what is there is not whole any more: the next one must be above it.
    async fn newest(&mut self) -> Result<Option<Epoch>, LedgerError> {
        self.look().await
    }

    /// Its connection is not to be trusted any more: the next question goes out on a new one.
    fn reconnect(&mut self) {}

    /// Becomes the ledger of `epoch` with exactly these holders, each as of an event of its log.
    ///
    /// Nothing is changed where it is the ledger of that epoch, or of a later one, already ([`LedgerError::NotReady`]).
    async fn load(&mut self, epoch: Epoch, pool: Pool, holders: Vec<(Holder, Sequence)>) -> Result<(), LedgerError>;

    /// Carries out a batch under `epoch`, in order, as if nothing came between.
    async fn apply(&mut self, epoch: Epoch, batch: &[Instruction]) -> Result<Vec<Answer>, LedgerError>;

    /// Terms and counts, under whatever epoch.
    async fn occupied(&mut self) -> Result<Occupied, LedgerError>;

    /// Every holder. Those that come or go while they are read may be there or not.
    async fn holders(&mut self) -> Result<Vec<Holder>, LedgerError>;
}
