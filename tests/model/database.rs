//! The database: the truth. Its steps are transactions, so each is one step here too.

use crate::bounds::{Bounds, Mechanism};
use crate::names::{Call, Lease, PerCall, PerNode};

/// Where admissions are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Home {
    /// In Redis.
    Redis,
    /// Here, while Redis is away.
    Database,
}

/// The log of a call, as far as slots go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    /// No event.
    #[default]
    Absent,
    /// Closed at sequence 1 before it was admitted.
    Abandoned,
    /// Sequence 1: admitted by this lease; `slot = held`.
    Held(Lease),
    /// Sequence 2: over or failed; `slot = released`.
    Over,
    /// Sequence 3: live after all; `slot = overflow`.
    Overflow,
    /// Sequence 4: over for good; `slot = released`.
    OverAgain,
}

impl Row {
    /// The sequence of its last event.
    pub(crate) fn sequence(self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Abandoned | Self::Held(_) => 1,
            Self::Over => 2,
            Self::Overflow => 3,
            Self::OverAgain => 4,
        }
    }

    /// It counts against the cap.
    pub(crate) fn has_slot(self) -> bool {
        matches!(self, Self::Held(_) | Self::Overflow)
    }

    /// It was admitted and is not over.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// It is settled, and holds nothing.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Abandoned | Self::Over | Self::OverAgain)
    }
}

/// The commit of an admission, on its way to the database. It outlives the replica that sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Commit {
    /// None.
    #[default]
    None,
    /// Sent: it will be carried out or be lost.
    Sent {
        /// The epoch of the lease.
        epoch: u8,
        /// The lease.
        lease: Lease,
    },
    /// Only without [`Mechanism::EpochLock`]: the epoch was read, nothing is written yet.
    Checked {
        /// The lease.
        lease: Lease,
    },
}

/// What the database says to an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is stored.
    Stored,
    /// Another epoch has begun.
    Stale,
    /// Sequence 1 is taken.
    Conflict,
}

/// The database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    /// The fencing token.
    pub(crate) epoch: u8,
    /// Where admissions are decided.
    pub(crate) home: Home,
    /// The session rows.
    pub(crate) rows: PerCall<Row>,
    /// Leases given while the home is the database.
    pub(crate) leases: PerCall<Option<Lease>>,
    /// Admissions on their way.
    pub(crate) commits: PerNode<PerCall<Commit>>,
}

impl Database {
    /// The first epoch, with Redis as its home and no call.
    pub(crate) fn new() -> Self {
        Self {
            epoch: 1,
            home: Home::Redis,
            rows: PerCall::default(),
            leases: PerCall::default(),
            commits: PerNode::default(),
        }
    }

    /// Whether an admission of this epoch may commit.
    pub(crate) fn accepts(&self, epoch: u8, bounds: &Bounds) -> bool {
        epoch == self.epoch || !bounds.has(Mechanism::EpochAtCommit)
    }

    /// Inserts sequence 1 and the session row.
    pub(crate) fn admit(&mut self, call: Call, lease: Lease) -> Outcome {
        if self.rows[call] != Row::Absent {
            return Outcome::Conflict;
        }
        self.rows[call] = Row::Held(lease);
        Outcome::Stored
    }

    /// Begins the next epoch: whatever was leased before can no longer commit.
    pub(crate) fn begin_epoch(&mut self, home: Home) -> u8 {
        self.epoch += 1;
        self.home = home;
        self.leases = PerCall::default();
        self.epoch
    }

    /// The sequences of the rows that have a slot; 0 for the others.
    pub(crate) fn slots(&self) -> PerCall<u8> {
        PerCall(self.rows.0.map(|row| if row.has_slot() { row.sequence() } else { 0 }))
    }

    /// Slots that are taken while the home is the database: rows, and leases of calls without a row.
    pub(crate) fn occupied(&self) -> usize {
        let leased = |(row, lease): &(&Row, &Option<Lease>)| row.has_slot() || **row == Row::Absent && lease.is_some();
        self.rows.0.iter().zip(&self.leases.0).filter(leased).count()
    }
}
