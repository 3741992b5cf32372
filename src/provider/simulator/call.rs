//! One simulated call, and how the provider's API shows it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::provider::elevenlabs::wire::{
    CallDirection, ClientData, ConversationDetails, ConversationItem, ConversationMetadata, ConversationStatus,
    PhoneCall,
};

/// What carries a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trunk {
    Twilio,
    Sip,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EndReason {
    /// Somebody hung up.
    Completed,
    Busy,
    NoAnswer,
    Failed,
    /// `end_call` over the monitor.
    Monitor,
    /// DELETE of the conversation.
    Deleted,
    /// The carrier was asked to end the call.
    Carrier,
    /// The behaviour `talkSeconds` ran out.
    TalkedOut,
}

impl EndReason {
    /// Whether the parties ever talked.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Busy | Self::NoAnswer | Self::Failed)
    }

    fn termination_reason(self) -> &'static str {
        match self {
            Self::Completed | Self::TalkedOut => "Call ended by remote party",
            Self::Busy => "Callee was busy",
            Self::NoAnswer => "Callee did not answer",
            Self::Failed => "Call could not be established",
            Self::Monitor => "Call ended by monitor",
            Self::Deleted => "Conversation deleted",
            Self::Carrier => "Call ended by carrier",
        }
    }
}

/// What is known of a call before it begins.
#[derive(Debug, Clone)]
pub(super) struct CallSetup {
    pub(super) conversation_id: String,
    pub(super) call_sid: String,
    pub(super) trunk: Trunk,
    pub(super) agent_id: String,
    pub(super) phone_number_id: Option<String>,
    pub(super) agent_number: String,
    pub(super) external_number: String,
    pub(super) client_data: ClientData,
}

/// A call's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) at: DateTime<Utc>,
    pub(super) reason: EndReason,
}

/// One call, from the dial on.
#[derive(Debug, Clone)]
pub(super) struct SimulatedCall {
    pub(super) setup: CallSetup,
    pub(super) direction: CallDirection,
    pub(super) status: ConversationStatus,
    pub(super) started_at: DateTime<Utc>,
    pub(super) ending: Option<Ending>,
    /// The API shows it no more.
    pub(super) deleted: bool,
}

impl SimulatedCall {
    /// Whether it uses one of the provider's lines.
    pub(super) fn is_live(&self) -> bool {
        self.ending.is_none()
    }

    /// The number that called, and the number that was called.
    pub(super) fn numbers(&self) -> (&str, &str) {
        match self.direction {
            CallDirection::Inbound => (&self.setup.external_number, &self.setup.agent_number),
            CallDirection::Outbound | CallDirection::Unknown => (&self.setup.agent_number, &self.setup.external_number),
        }
    }

    /// Its length in seconds, so far or in the end.
    pub(super) fn duration_secs(&self, now: DateTime<Utc>) -> i64 {
        let end = self.ending.map_or(now, |ending| ending.at);
        (end - self.started_at).num_seconds().max(0)
    }

    /// The entry in the list of conversations.
    pub(super) fn item(&self, now: DateTime<Utc>) -> ConversationItem {
        ConversationItem {
            conversation_id: self.setup.conversation_id.clone(),
            agent_id: Some(self.setup.agent_id.clone()),
            status: self.status.clone(),
            start_time_unix_secs: Some(self.started_at.timestamp()),
            call_duration_secs: Some(self.duration_secs(now)),
            message_count: Some(0),
            direction: Some(self.direction),
            call_successful: Some(self.outcome().to_owned()),
            termination_reason: self.termination_reason(),
        }
    }

    /// The conversation's details.
    pub(super) fn details(&self, now: DateTime<Utc>) -> ConversationDetails {
        ConversationDetails {
            conversation_id: self.setup.conversation_id.clone(),
            agent_id: Some(self.setup.agent_id.clone()),
            status: self.status.clone(),
            user_id: self.setup.client_data.user_id.clone(),
            metadata: ConversationMetadata {
                start_time_unix_secs: Some(self.started_at.timestamp()),
                accepted_time_unix_secs: (self.status != ConversationStatus::Initiated)
                    .then(|| self.started_at.timestamp()),
                call_duration_secs: Some(self.duration_secs(now)),
                termination_reason: self.termination_reason(),
                error: None,
                phone_call: Some(self.phone_call()),
            },
            conversation_initiation_client_data: Some(self.setup.client_data.clone()),
        }
    }

    /// The entry in `GET /sim/state`.
    pub(super) fn record(&self) -> Value {
        json!({
            "conversationId": self.setup.conversation_id,
            "callSid": self.setup.call_sid,
            "agentId": self.setup.agent_id,
            "direction": self.direction,
            "status": self.status,
            "live": self.is_live(),
            "deleted": self.deleted,
            "toNumber": self.numbers().1,
            "userId": self.setup.client_data.user_id,
            "callgateCallId": self.setup.client_data.dynamic_variables.get("callgate_call_id"),
            "startedAt": instant(self.started_at),
            "endedAt": self.ending.map(|ending| instant(ending.at)),
            "endReason": self.ending.map(|ending| ending.reason),
            "dynamicVariables": self.setup.client_data.dynamic_variables,
        })
    }

    fn phone_call(&self) -> PhoneCall {
        let (carrier, call_id, stream_sid) = match self.setup.trunk {
            Trunk::Twilio => ("twilio", None, Some(self.setup.conversation_id.replace("conv_", "MZ"))),
            Trunk::Sip => ("sip_trunking", Some(self.setup.conversation_id.replace("conv_", "otb_")), None),
        };
        PhoneCall {
            carrier: Some(carrier.to_owned()),
            direction: Some(self.direction),
            phone_number_id: self.setup.phone_number_id.clone(),
            agent_number: Some(self.setup.agent_number.clone()),
            external_number: Some(self.setup.external_number.clone()),
            call_sid: Some(self.setup.call_sid.clone()),
            call_id,
            stream_sid,
        }
    }

    fn outcome(&self) -> &'static str {
        match self.ending {
            None => "unknown",
            Some(ending) if ending.reason.is_failure() => "failure",
            Some(_) => "success",
        }
    }

    fn termination_reason(&self) -> Option<String> {
        self.ending.map(|ending| ending.reason.termination_reason().to_owned())
    }
}

/// RFC 3339, UTC, milliseconds.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
