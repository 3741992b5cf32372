//! A Redis server: a copy of who holds what, fast and forgetful. Its steps are scripts, so each is one step here too.

use crate::bounds::{Bounds, Mechanism};
use crate::names::{Call, Lease, Node, PerCall, PerNode};

/// By what right a slot is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    /// An admission that is under way.
    Lease(Lease),
    /// The log, at this sequence.
    Log(u8),
}

/// What a ledger says of itself: its epoch, and on which server it was loaded. Of the server's names it matters
/// only whether they are still the same, so that is what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Meta {
    /// The epoch it was loaded for.
    pub(crate) epoch: u8,
    /// The server's `run_id` is still that of then.
    pub(crate) same_run: bool,
    /// The server's `master_replid` is still that of then.
    pub(crate) same_history: bool,
}

impl Meta {
    /// Loaded just now, on this server.
    pub(crate) fn fresh(epoch: u8) -> Self {
        Self { epoch, same_run: true, same_history: true }
    }

    /// For this epoch, on this server as it is.
    pub(crate) fn is_of(self, epoch: u8) -> bool {
        self == Self::fresh(epoch)
    }
}

/// Rows that wait under `next:<epoch>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Staged {
    /// The epoch that they were read for.
    pub(crate) epoch: u8,
    /// The sequence of each row with a slot, else 0.
    pub(crate) rows: PerCall<u8>,
}

/// How many rows have a slot.
pub(crate) fn count(rows: PerCall<u8>) -> usize {
    rows.0.iter().filter(|sequence| **sequence > 0).count()
}

/// A server: everything that it may lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// None where the keys are missing.
    pub(crate) meta: Option<Meta>,
    /// The holders.
    pub(crate) slots: PerCall<Option<Claim>>,
    /// What each replica has staged.
    pub(crate) staged: PerNode<Option<Staged>>,
}

/// One instruction of a batch. A batch of several is several steps with nothing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// A slot for this attempt, if there is room.
    Acquire(Call, Lease),
    /// Takes back what this attempt has.
    GiveBack(Call, Lease),
    /// Takes back what the call has, unless a later event of it says otherwise.
    Release(Call, u8),
    /// Notes a holder that the log speaks of.
    Put(Call, u8),
}

/// What the script answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Another epoch, or not whole: nothing was done.
    NotReady,
    /// The attempt has a slot.
    Granted,
    /// The call has a slot, but not by this attempt; or there is no room.
    Refused,
    /// Done.
    Done,
}

impl Server {
    /// The script's first look: the batch's epoch, and whether this is the server on which the ledger was loaded.
    pub(crate) fn is_ready(&self, epoch: u8, bounds: &Bounds) -> bool {
        let Some(meta) = self.meta else {
            return false;
        };
        let same_run = meta.same_run || !bounds.has(Mechanism::RunId);
        let same_history = meta.same_history || !bounds.has(Mechanism::ReplId);
        let same_epoch = meta.epoch == epoch || !bounds.has(Mechanism::EpochInBatch);
        same_run && same_history && same_epoch
    }

    /// Carries out an instruction under an epoch.
    pub(crate) fn carry_out(&mut self, order: Order, epoch: u8, bounds: &Bounds) -> Answer {
        if !self.is_ready(epoch, bounds) {
            return Answer::NotReady;
        }
        let slots = &mut self.slots;
        match order {
            Order::Acquire(call, lease) => match slots[call] {
                Some(Claim::Lease(owner)) if owner == lease => return Answer::Granted,
                Some(Claim::Lease(_)) if !bounds.has(Mechanism::HeldIsNoLease) => return Answer::Granted,
                Some(_) => return Answer::Refused,
                None if slots.0.iter().flatten().count() >= bounds.cap => return Answer::Refused,
                None => {
                    slots[call] = Some(Claim::Lease(lease));
                    return Answer::Granted;
                }
            },
            Order::GiveBack(call, lease) => {
                let own = slots[call] == Some(Claim::Lease(lease)) || !bounds.has(Mechanism::LeaseIdentity);
                if own {
                    slots[call] = None;
                }
            }
            Order::Release(call, as_of) => {
                let revived = matches!(slots[call], Some(Claim::Log(sequence)) if sequence > as_of);
                if !revived || !bounds.has(Mechanism::AsOf) {
                    slots[call] = None;
                }
            }
            Order::Put(call, as_of) => {
                let newer = matches!(slots[call], Some(Claim::Log(sequence)) if sequence > as_of);
                if !newer || !bounds.has(Mechanism::AsOf) {
                    slots[call] = Some(Claim::Log(as_of));
                }
            }
        }
        Answer::Done
    }

    /// The script that renames `next:<epoch>` into place, if it is all there and newer than what is.
    pub(crate) fn rename(&mut self, staged: Staged, bounds: &Bounds) -> bool {
        let found = Node::ALL
            .into_iter()
            .find_map(|node| self.staged[node].filter(|found| found.epoch == staged.epoch).map(|found| (node, found)));
        let (node, rows) = match found {
            Some((node, found)) => (Some(node), found.rows),
            None => (None, PerCall::default()),
        };
        let whole = count(rows) == count(staged.rows) || !bounds.has(Mechanism::StagedCount);
        let newer = self.meta.is_none_or(|meta| staged.epoch > meta.epoch) || !bounds.has(Mechanism::RenameNewer);
        if !whole || !newer {
            return false;
        }
        if let Some(node) = node {
            self.staged[node] = None;
        }
        self.slots = PerCall(rows.0.map(|sequence| (sequence > 0).then_some(Claim::Log(sequence))));
        self.meta = Some(Meta::fresh(staged.epoch));
        if bounds.has(Mechanism::RenameNewer) {
            self.staged = PerNode(self.staged.0.map(|other| other.filter(|other| other.epoch > staged.epoch)));
        }
        true
    }

    /// The process is another one.
    pub(crate) fn with_new_run(mut self) -> Self {
        self.meta = self.meta.map(|meta| Meta { same_run: false, ..meta });
        self
    }

    /// It was promoted.
    pub(crate) fn with_new_history(mut self) -> Self {
        self.meta = self.meta.map(|meta| Meta { same_history: false, ..meta });
        self
    }
}
