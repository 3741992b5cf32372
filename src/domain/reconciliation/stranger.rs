//! A conversation that is live and that no live call of ours is bound to: ours after all, or nobody's.

use chrono::{DateTime, Utc};

use super::correction::Correction;
use super::policy::{Now, Policy};
use super::row::Row;
use crate::domain::call::{Asked, Command, References, Status};

/// What a stranger turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// It is over, or the provider knows nothing of it any more.
    Over,
    /// The provider, or the table, gave no answer about it.
    Unanswered,
    /// A call of ours, by our id or by one of its names.
    Ours {
        /// The call.
        row: Box<Row>,
        /// The names of the conversation.
        references: References,
    },
    /// Nobody's.
    Nobodys {
        /// A call that is just being placed may be it.
        may_be_ours: bool,
        /// It says which call of the carrier it is: so it is none that waits under another carrier's name.
        names_its_carrier: bool,
        /// When it began, if the provider says so.
        began_at: Option<DateTime<Utc>>,
    },
}

/// Tells a call of ours that it is live: its names become known, or it has come alive late.
pub(super) fn reunion(row: &Row, references: References, policy: &Policy, now: &Now) -> Option<Correction> {
    let lately = |at: DateTime<Utc>| !now.clock_steady || now.at - at < policy.grace;
    if row.record.status == Status::Placing || row.record.ended_at.is_some_and(lately) {
        // The answer to the placement is on its way; the provider's list may lag behind the end.
        return None;
    }
    let (reason, asked) = if row.record.status.is_live() {
        ("placement_confirmed", Asked::WhileLive)
    } else {
        ("late", Asked::WhileOver)
    };
    Some(Correction::Tell {
        call_id: row.call_id,
        command: Box::new(Command::ObserveLive { references, asked }),
        reason,
    })
}
