//! What a provider's webhook says, in our words. The only form in which webhooks are stored: no transcript, no audio.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::call::{Command, Direction, EndReason, Record, Reference, ReferenceKind, References, Witness};
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

    /// The name from which the id of an unknown call is derived: the carrier's, if there is one, because the message
    /// that comes before the conversation knows no other.
    pub fn first_name(&self) -> Option<&Reference> {
        let carrier_call = self.references.iter().find(|reference| reference.kind != ReferenceKind::ConversationId);
        carrier_call.or_else(|| self.name())
    }

    /// One name to serialise work on this call by.
    pub fn name(&self) -> Option<&Reference> {
        self.references.iter().next()
    }

    /// What it asks of its call.
    pub fn command(self) -> Command {
        match self.news {
            News::Started => Command::ConfirmPlacement { references: self.references, witness: Witness::Webhook },
            News::Ended { reason } => Command::End {
                reason,
                at: self.occurred_at,
                references: self.references,
                witness: Witness::Webhook,
                note: None,
            },
        }
    }

    /// Whether an unknown start may be that of this call, which is just being placed for the same agent.
    pub fn may_be(&self, placing: &Record) -> bool {
        let undecided = placing.status.is_live() && placing.references.conversation().is_none();
        let profile = placing.profile.as_ref();
        let outbound = profile.is_some_and(|profile| profile.direction == Direction::Outbound);
        let same_agent = self.agent_id.is_none() || profile.map(|profile| &profile.agent_id) == self.agent_id.as_ref();
        self.direction != Some(Direction::Inbound) && undecided && outbound && same_agent
    }

    /// Where a message goes whose call nobody knows. `has_ended`: an end of the same call came before; `may_be_ours`:
    /// its start may be that of a call which is being placed.
    pub fn route(&self, has_ended: bool, may_be_ours: bool) -> Route {
        match self.news {
            // It may be a call that is being placed, or one whose start is still to come.
            News::Ended { .. } => Route::KeepForItsStart,
            News::Started if has_ended => Route::File,
            News::Started if may_be_ours => Route::Park,
            News::Started => Route::Welcome,
        }
    }
}

/// Where a message goes whose call nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// It is an early end: it waits for its call.
    KeepForItsStart,
    /// It has no effect any more.
    File,
    /// It waits until the calls that are being placed have their names.
    Park,
    /// It is a new call.
    Welcome,
}
