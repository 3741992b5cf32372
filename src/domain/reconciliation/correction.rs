//! What a sweep asks to be changed. Each is carried out by the session of its call, so that it is an event.

use crate::domain::call::Command;
use crate::domain::ids::CallId;

/// A change that a sweep asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    /// The call is over, its slot is still in the ledger: take it back there.
    Release {
        /// The call.
        call_id: CallId,
        /// The sequence of its latest event.
        as_of: u64,
        /// It should have been back by now: the ledger was wrong. Otherwise it is on its way.
        overdue: bool,
    },
    /// In the ledger for a grace without a row: its admission never was, or is closed before it can be.
    Abandon {
        /// The call.
        call_id: CallId,
    },
    /// The call holds something that the ledger has not, or has otherwise: put it there, by the row as it is then.
    PutBack {
        /// The call.
        call_id: CallId,
    },
    /// Tell the call.
    Tell {
        /// The call.
        call_id: CallId,
        /// What to tell it.
        command: Box<Command>,
        /// Why.
        reason: &'static str,
    },
    /// It is live, and nobody's: take it in.
    TakeIn {
        /// The conversation.
        conversation: String,
    },
}

impl Correction {
    /// The contract's word for why.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Release { .. } => "slot_orphaned",
            Self::Abandon { .. } => "db_missing",
            Self::PutBack { .. } => "redis_missing",
            Self::Tell { reason, .. } => reason,
            Self::TakeIn { .. } => "unmanaged",
        }
    }
}
