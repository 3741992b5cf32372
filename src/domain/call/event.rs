//! What happened to a call, in the past tense. These are stored for ever: change them by new versions only.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use super::reason::{Doubt, EndReason, TerminationReason, Witness};
use super::reference::References;

/// One event of a call's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEvent {
    /// When it happened; the store adds when it was recorded.
    pub occurred_at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. `type` and `data` become two columns of the event table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum EventKind {
    /// A business asked for an outbound call. Always followed by its admission, in the same commit.
    CallRequested {
        /// What it is about.
        profile: Profile,
    },
    /// A call came in at the provider. Always followed by what the gate made of it.
    InboundReceived {
        /// What it is about.
        profile: Profile,
        /// Its names.
        references: References,
    },
    /// The call holds a slot.
    CallAdmitted {
        /// Under which epoch of the ledger.
        epoch: u64,
        /// The limit of the business at that moment.
        business_limit: u32,
    },
    /// The call is live without a slot, and stays: it counts against the cap for new admissions.
    CallOverflowed {
        /// Why it could not have a slot, as an error code.
        cause: String,
    },
    /// It exists at the provider.
    CallPlaced {
        /// Its names.
        references: References,
        /// Who said so.
        witness: Witness,
    },
    /// Another name of it became known.
    ReferencesLearned {
        /// The new names.
        references: References,
    },
    /// It was not dialled, or the provider refused it.
    PlacementFailed {
        /// Why.
        reason: EndReason,
        /// What the provider said.
        detail: String,
        /// What the provider asked us to wait, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// Nobody knows whether it was dialled; it keeps its slot.
    PlacementUncertain {
        /// Why not.
        doubt: Doubt,
    },
    /// It is to be hung up; retried until confirmed.
    TerminationRequested {
        /// Why.
        reason: TerminationReason,
    },
    /// It could not be hung up for long; it is tried on. Once for each request.
    HangUpStalled {
        /// Attempts of the session that says so; those before a restart are not among them.
        attempts: u32,
        /// Since the hang-up was asked for.
        seconds: u64,
        /// What came of the latest attempt.
        detail: String,
    },
    /// It is over.
    CallEnded {
        /// Why.
        reason: EndReason,
        /// Who said so.
        witness: Witness,
        /// An operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It is live after all; it is hung up as `late`.
    CallRevived {
        /// Its names.
        references: References,
        /// Who said so.
        witness: Witness,
    },
    /// The commit of its admission was in doubt; this takes its place at sequence 1, so it never was.
    AdmissionAbandoned {},
}

impl EventKind {
    /// The name in the `event_type` column.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallRequested { .. } => "CallRequested",
            Self::InboundReceived { .. } => "InboundReceived",
            Self::CallAdmitted { .. } => "CallAdmitted",
            Self::CallOverflowed { .. } => "CallOverflowed",
            Self::CallPlaced { .. } => "CallPlaced",
            Self::ReferencesLearned { .. } => "ReferencesLearned",
            Self::PlacementFailed { .. } => "PlacementFailed",
            Self::PlacementUncertain { .. } => "PlacementUncertain",
            Self::TerminationRequested { .. } => "TerminationRequested",
            Self::HangUpStalled { .. } => "HangUpStalled",
            Self::CallEnded { .. } => "CallEnded",
            Self::CallRevived { .. } => "CallRevived",
            Self::AdmissionAbandoned {} => "AdmissionAbandoned",
        }
    }

    /// The names that this event makes known.
    pub fn references(&self) -> Option<&References> {
        match self {
            Self::InboundReceived { references, .. }
            | Self::CallPlaced { references, .. }
            | Self::ReferencesLearned { references }
            | Self::CallRevived { references, .. } => Some(references),
            _ => None,
        }
    }
}
