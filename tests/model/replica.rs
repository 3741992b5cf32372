//! A replica of the gate: everything that a kill -9 makes it forget.

use crate::database::{Home, Row};
use crate::names::PerCall;

/// An admission under way at this replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Attempt {
    /// None, or done.
    #[default]
    Idle,
    /// Only without `LedgerLock`: there was room in the database when it was counted.
    Counted,
    /// It has a lease that nobody else knows of.
    Leased {
        /// The epoch of the lease.
        epoch: u8,
    },
    /// The commit is sent.
    Submitted,
    /// The commit was seen: this task may dial.
    Admitted,
    /// The outcome of the commit is not known. This task never dials.
    InDoubt,
}

/// What a replica still has to tell the ledger about a call. It is sent until it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Chore {
    /// Nothing.
    #[default]
    None,
    /// The lease of this serial was not used.
    GiveBack(u8),
    /// The log says at this sequence that the call holds nothing.
    Release(u8),
    /// The log says at this sequence that the call holds a slot.
    Put(u8),
    /// It was put: look at the row once more.
    Reread,
}

impl Row {
    /// What the ledger is owed for a row that is settled: a release follows the log.
    pub(crate) fn release(self) -> Chore {
        if self.is_over() { Chore::Release(self.sequence()) } else { Chore::None }
    }
}

/// How far a rebuild of the Redis ledger has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Rebuild {
    /// None is under way here.
    #[default]
    None,
    /// Only without `RowsAfterEpoch`: the rows were read before anything else.
    ReadEarly(PerCall<u8>),
    /// The epoch has begun.
    Begun(u8),
    /// The rows were read, for this epoch.
    Read(u8, PerCall<u8>),
    /// They are staged.
    Staged(u8, PerCall<u8>),
}

/// A replica's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Replica {
    /// The epoch that it knows of.
    pub(crate) epoch: u8,
    /// The home that it knows of.
    pub(crate) home: Home,
    /// The Redis server that it is connected to.
    pub(crate) server: u8,
    /// Admissions under way.
    pub(crate) attempts: PerCall<Attempt>,
    /// The serial of its last attempt for each call; the one thing that is never forgotten, see [`Lease`](crate::names::Lease).
    pub(crate) serials: PerCall<u8>,
    /// What it owes the ledger.
    pub(crate) chores: PerCall<Chore>,
    /// Its rebuild.
    pub(crate) rebuild: Rebuild,
}

impl Replica {
    /// Freshly started, in the first epoch.
    pub(crate) fn new() -> Self {
        Self {
            epoch: 1,
            home: Home::Redis,
            server: 0,
            attempts: PerCall::default(),
            serials: PerCall::default(),
            chores: PerCall::default(),
            rebuild: Rebuild::None,
        }
    }

    /// The epoch that it is rebuilding the ledger for.
    pub(crate) fn rebuilds(&self) -> Option<u8> {
        match self.rebuild {
            Rebuild::None | Rebuild::ReadEarly(_) => None,
            Rebuild::Begun(epoch) | Rebuild::Read(epoch, _) | Rebuild::Staged(epoch, _) => Some(epoch),
        }
    }

    /// It has nothing under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.attempts == PerCall::default() && self.chores == PerCall::default() && self.rebuild == Rebuild::None
    }
}
