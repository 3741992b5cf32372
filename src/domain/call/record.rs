//! A call as one flat row: what tables, listings and answers show of it.

use chrono::{DateTime, Utc};

use super::profile::Profile;
use super::reason::{EndReason, words};
use super::reference::References;
use super::state::{Call, Outcome, Phase, Slot};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

words! {
    /// Where a call stands, in one word.
    Status {
        /// The provider is being asked to dial.
        Placing = "placing",
        /// It may be ringing.
        Uncertain = "uncertain",
        /// The provider has it.
        Active = "active",
        /// It is being hung up.
        Terminating = "terminating",
        /// It is over.
        Ended = "ended",
        /// It never came to be a call.
        Failed = "failed",
        /// Hung up: there was no slot.
        TerminatedCapacity = "terminated_capacity",
    }
}

impl Status {
    /// Whether the call takes a place at the provider, or may.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Placing | Self::Uncertain | Self::Active | Self::Terminating)
    }
}

words! {
    /// What a call has in the ledger, as the database says it.
    SlotState {
        /// It never had anything.
        None = "none",
        /// It holds a slot.
        Held = "held",
        /// It is live without one.
        Overflow = "overflow",
        /// It gave back what it had.
        Released = "released",
    }
}

/// A call as one flat row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is about; none for an abandoned admission.
    pub profile: Option<Profile>,
    /// Its names.
    pub references: References,
    /// Where it stands.
    pub status: Status,
    /// What it has in the ledger.
    pub slot: SlotState,
    /// When it was announced.
    pub announced_at: DateTime<Utc>,
    /// When the provider had it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it is over, or is being hung up.
    pub end_reason: Option<EndReason>,
    /// What the provider or an operator said of the end.
    pub detail: Option<String>,
    /// Whether it is being hung up, and was reported because that takes long.
    pub hang_up_stalled: bool,
}

impl Record {
    /// The row of a call; none where there is no call yet.
    pub fn of(call: &Call) -> Option<Self> {
        match call {
            Call::Absent | Call::Announced { .. } => None,
            Call::Abandoned { at } => Some(Self {
                profile: None,
                references: References::none(),
                status: Status::Failed,
                slot: SlotState::None,
                announced_at: *at,
                started_at: None,
                ended_at: Some(*at),
                end_reason: Some(EndReason::Abandoned),
                detail: None,
                hang_up_stalled: false,
            }),
            Call::Live(live) => Some(Self {
                profile: Some(live.profile.clone()),
                references: live.references.clone(),
                status: match live.phase {
                    Phase::Placing => Status::Placing,
                    Phase::Uncertain => Status::Uncertain,
                    Phase::Active => Status::Active,
                    Phase::Terminating { .. } => Status::Terminating,
                },
                slot: match live.slot {
                    Slot::Held => SlotState::Held,
                    Slot::Overflow => SlotState::Overflow,
                },
                announced_at: live.announced_at,
                started_at: live.started_at,
                ended_at: None,
                end_reason: match live.phase {
                    Phase::Terminating { reason, .. } => Some(reason.into()),
                    _ => None,
                },
                detail: None,
                hang_up_stalled: matches!(live.phase, Phase::Terminating { stalled: true, .. }),
            }),
            Call::Over(over) => Some(Self {
                profile: Some(over.profile.clone()),
                references: over.references.clone(),
                status: match over.outcome {
                    Outcome::Ended => Status::Ended,
                    Outcome::Failed => Status::Failed,
                    Outcome::TerminatedCapacity => Status::TerminatedCapacity,
                },
                slot: SlotState::Released,
                announced_at: over.announced_at,
                started_at: over.started_at,
                ended_at: Some(over.ended_at),
                end_reason: Some(over.reason),
                detail: over.detail.clone(),
                hang_up_stalled: false,
            }),
        }
    }
}
