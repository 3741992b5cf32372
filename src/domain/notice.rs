//! What a provider's webhook says, in our words. The only form in which webhooks are stored: no transcript, no audio.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::call::{Direction, EndReason, Reference, ReferenceKind, References};
use super::ids::{AgentId, CallId};
use super::phone::MaskedNumber;

/// One message about one call at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What it says.
    pub news: News,
    /// The call, where the provider echoes the id that the gate gave it.
    pub call_id: Option<CallId>,
    /// Its names.
    pub references: References,
    /// Who talks.
    pub agent_id: Option<AgentId>,
    /// Who dialled, where it says so.
    pub direction: Option<Direction>,
    /// The other end, with its middle hidden.
    pub counterpart: Option<MaskedNumber>,
    /// When it happened, where it says so.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// What a message says of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum News {
    /// The conversation began.
    Started,
    /// It is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

impl Notice {
    /// The provider's conversation.
    pub fn conversation(&self) -> Option<&str> {
        self.references.conversation()
    }

    /// The carrier's call, of whichever kind.
    pub fn carrier_call(&self) -> Option<&str> {
        let of_kind = |kind| self.references.of_kind(kind);
        of_kind(ReferenceKind::CallSid).or_else(|| of_kind(ReferenceKind::SipCallId))
    }

    /// One name to serialise work on this call by.
    pub fn name(&self) -> Option<&Reference> {
        self.references.iter().next()
    }
}
