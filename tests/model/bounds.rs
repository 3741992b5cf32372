//! How far one run of the checker looks, and which safety mechanism it goes without.

use crate::names::{CALLS, Call, Node};

/// A mechanism of the protocol. Each can be taken away, to see what breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// An admission commits only under the epoch of its lease.
    EpochAtCommit,
    /// The epoch cannot move between the look at it and the write of an admission.
    EpochLock,
    /// A rebuild reads the rows after it has begun its epoch.
    RowsAfterEpoch,
    /// The script compares the server's `run_id`.
    RunId,
    /// The script compares the server's `master_replid`.
    ReplId,
    /// The script compares the epoch of the batch.
    EpochInBatch,
    /// Whoever finds that another attempt holds the slot of its call does not go on with it.
    HeldIsNoLease,
    /// `GiveBack` takes only what its own attempt has.
    LeaseIdentity,
    /// A batch that timed out does nothing once a later one of the same replica was carried out.
    BatchNumbers,
    /// Where a commit is in doubt, sequence 1 is settled before the slot is given back.
    AbandonBeforeRelease,
    /// Whoever settles a doubt fails only the admission of its own lease.
    OwnAdmission,
    /// Only the task that saw its admission commit dials.
    OnlyCommitterDials,
    /// Nobody dials later than the window, and nobody calls a placement undialled earlier.
    DialWindow,
    /// `Release` and `Put` do nothing to what a later event has put.
    AsOf,
    /// In the database, counting and inserting a lease are one transaction under the lock.
    LedgerLock,
    /// The rename refuses a staging that is not complete.
    StagedCount,
    /// The rename refuses an epoch that is not newer than what is there.
    RenameNewer,
    /// A rename whose answer is lost is not sent again under its epoch.
    RenameOnce,
    /// The sweep abandons holders without a row.
    SweepRowless,
    /// The sweep releases holders whose row is over.
    SweepOver,
}

/// What may go wrong. Each costs one from the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9: a replica forgets everything in memory.
    Crash,
    /// The answer to a commit does not come. The commit is carried out later, or was already, or never is.
    CommitInDoubt,
    /// The answer to a batch does not come. The batch is carried out later, or was already, or never is.
    BatchLost,
    /// FLUSHALL.
    Flush,
    /// Redis starts anew without its keys.
    RestartEmpty,
    /// Redis starts anew, or fails over, with keys of some time ago.
    RestartOld,
    /// A server that was demoted is promoted again, with keys of some time ago: same process, other history.
    RoleReturns,
    /// A standby with keys of some time ago is promoted; each replica finds out in its own time, and uses the old one meanwhile.
    SplitBrain,
    /// No replica has reached Redis for long enough: the database becomes the home.
    RedisAway,
    /// A replica rebuilds although another is at it, or although there was no need.
    NeedlessRebuild,
}

/// One configuration of the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What it looks at, for the report.
    pub(crate) name: &'static str,
    /// Slots.
    pub(crate) cap: usize,
    /// How often A, and how often B, may get or lose a lease for each call.
    pub(crate) asks: [[u8; CALLS]; 2],
    /// What may go wrong.
    pub(crate) faults: &'static [Fault],
    /// How often something may go wrong, together.
    pub(crate) budget: u8,
    /// The Redis server is new: the ledger has to be loaded before anything.
    pub(crate) new_redis: bool,
    /// Epochs beyond this are not looked at.
    pub(crate) epochs: u8,
    /// Who hears of ends and sweeps.
    pub(crate) keepers: &'static [Node],
    /// The sweep may see a ledger that is older than the rows, and puts back what is not lost.
    pub(crate) stale_sweeps: bool,
    /// A call that was given up may come alive.
    pub(crate) revivals: bool,
    /// What is taken away.
    pub(crate) without: &'static [Mechanism],
}

impl Bounds {
    /// Two calls for one slot, one at each replica, and nothing goes wrong.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            cap: 1,
            asks: [[1, 0, 0], [0, 1, 0]],
            faults: &[],
            budget: 0,
            new_redis: false,
            epochs: 6,
            keepers: &[Node::B],
            stale_sweeps: false,
            revivals: false,
            without: &[],
        }
    }

    /// Who may ask for what, and how often.
    pub(crate) const fn asks(self, a: [u8; CALLS], b: [u8; CALLS]) -> Self {
        Self { asks: [a, b], ..self }
    }

    /// What may go wrong, and how often together.
    pub(crate) const fn faults(self, budget: u8, faults: &'static [Fault]) -> Self {
        Self { faults, budget, ..self }
    }

    /// The same without some mechanisms.
    pub(crate) const fn without(self, without: &'static [Mechanism]) -> Self {
        Self { without, ..self }
    }

    /// Whether the mechanism is there.
    pub(crate) fn has(&self, mechanism: Mechanism) -> bool {
        !self.without.contains(&mechanism)
    }

    /// The calls that anybody asks for.
    pub(crate) fn calls(&self) -> impl Iterator<Item = Call> + use<> {
        let asks = self.asks;
        (0_u8..).zip(asks[0].into_iter().zip(asks[1])).filter(|(_, (a, b))| a + b > 0).map(|(call, _)| Call(call))
    }

    /// How often this replica may ask for this call.
    pub(crate) fn asks_of(&self, node: Node, call: Call) -> u8 {
        self.asks[node as usize][usize::from(call.0)]
    }

    /// Something may make a rebuild necessary.
    pub(crate) fn may_rebuild(&self) -> bool {
        self.faults.iter().any(|fault| !matches!(fault, Fault::Crash | Fault::CommitInDoubt | Fault::BatchLost))
    }

    /// Keys of some time ago matter.
    pub(crate) fn has_old_keys(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::RestartOld | Fault::RoleReturns | Fault::SplitBrain))
    }
}
