//! The bodies of the `ElevenLabs` Agents API, as its official SDKs and documentation give them.
//! Read leniently: unknown fields are ignored, missing ones have a default, enumerations are open.
//! No I/O here, and no judgement of what an answer means.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Body of `POST /v1/convai/twilio/outbound-call` and `POST /v1/convai/sip-trunk/outbound-call`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboundCallRequest {
    /// The agent that will speak.
    pub agent_id: String,
    /// The provider's id of the number to dial from.
    pub agent_phone_number_id: String,
    /// The number to dial, E.164.
    pub to_number: String,
    /// What the conversation is started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_initiation_client_data: Option<ClientData>,
    /// Whether the provider records the call; the Twilio route only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_recording_enabled: Option<bool>,
    /// How the call is rung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephony_call_config: Option<TelephonyCallConfig>,
}

/// Body of `POST /v1/convai/twilio/register-call`, which answers with TwiML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisterCallRequest {
    /// The agent that will speak.
    pub agent_id: String,
    /// Who calls.
    pub from_number: String,
    /// Which number was called.
    pub to_number: String,
    /// Who called whom; inbound, unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<CallDirection>,
    /// What the conversation is started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_initiation_client_data: Option<ClientData>,
}

/// `conversation_initiation_client_data`: sent with a placement, echoed in the conversation's details.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientData {
    /// The customer's id of its user; the list of conversations can be filtered by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Variables of the conversation, echoed as they were given.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Map::is_empty")]
    pub dynamic_variables: Map<String, Value>,
    /// Everything else, such as `conversation_config_override`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `telephony_call_config` of a placement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelephonyCallConfig {
    /// How long the callee's phone rings, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing_timeout_secs: Option<u32>,
}

/// 200 of `POST /v1/convai/twilio/outbound-call`. `success` may be `false` with this status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwilioOutboundResponse {
    /// Whether the call was dialled.
    #[serde(default)]
    pub success: Option<bool>,
    /// Text for people.
    #[serde(default)]
    pub message: Option<String>,
    /// The conversation, once there is one.
    #[serde(default)]
    pub conversation_id: Option<String>,
    /// Twilio's id of the call; camelCase in this answer alone.
    #[serde(default, rename = "callSid")]
    pub call_sid: Option<String>,
}

/// 200 of `POST /v1/convai/sip-trunk/outbound-call`. `success` may be `false` with this status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipOutboundResponse {
    /// Whether the call was dialled.
    #[serde(default)]
    pub success: Option<bool>,
    /// Text for people.
    #[serde(default)]
    pub message: Option<String>,
    /// The conversation, once there is one.
    #[serde(default)]
    pub conversation_id: Option<String>,
    /// The call's id, later found as `metadata.phone_call.call_sid`.
    #[serde(default)]
    pub sip_call_id: Option<String>,
}

/// A conversation's status: an open enumeration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ConversationStatus {
    /// Dialled or ringing.
    #[default]
    Initiated,
    /// The parties talk.
    InProgress,
    /// Over; the provider analyses it.
    Processing,
    /// Over and analysed.
    Done,
    /// Over, unsuccessfully.
    Failed,
    /// A status unknown to this release.
    Other(String),
}

impl ConversationStatus {
    /// The status as the provider spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initiated => "initiated",
            Self::InProgress => "in-progress",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for ConversationStatus {
    fn from(name: String) -> Self {
        match name.as_str() {
            "initiated" => Self::Initiated,
            "in-progress" => Self::InProgress,
            "processing" => Self::Processing,
            "done" => Self::Done,
            "failed" => Self::Failed,
            _ => Self::Other(name),
        }
    }
}

impl From<ConversationStatus> for String {
    fn from(status: ConversationStatus) -> Self {
        status.as_str().to_owned()
    }
}

/// Who called whom: an open enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum CallDirection {
    /// Somebody called the agent.
    Inbound,
    /// The agent called somebody.
    Outbound,
    /// A direction unknown to this release.
    Unknown,
}

impl From<String> for CallDirection {
    fn from(name: String) -> Self {
        match name.as_str() {
            "inbound" => Self::Inbound,
            "outbound" => Self::Outbound,
            _ => Self::Unknown,
        }
    }
}

impl From<CallDirection> for &'static str {
    fn from(direction: CallDirection) -> Self {
        match direction {
            CallDirection::Inbound => "inbound",
            CallDirection::Outbound => "outbound",
            CallDirection::Unknown => "unknown",
        }
    }
}

/// 200 of `GET /v1/convai/conversations`: one page, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPage {
    /// The conversations of this page.
    pub conversations: Vec<ConversationItem>,
    /// Where the next page begins.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    #[serde(default)]
    pub has_more: bool,
}

/// An entry of the list of conversations. It has no call id and no phone number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationItem {
    /// The conversation.
    pub conversation_id: String,
    /// Its agent.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// Its status.
    pub status: ConversationStatus,
    /// Its start, Unix seconds.
    #[serde(default)]
    pub start_time_unix_secs: Option<i64>,
    /// Its length so far, in seconds.
    #[serde(default)]
    pub call_duration_secs: Option<i64>,
    /// Messages exchanged.
    #[serde(default)]
    pub message_count: Option<i64>,
    /// Who called whom.
    #[serde(default)]
    pub direction: Option<CallDirection>,
    /// `success`, `failure` or `unknown`.
    #[serde(default)]
    pub call_successful: Option<String>,
    /// Why it ended: free text.
    #[serde(default)]
    pub termination_reason: Option<String>,
}

/// 200 of `GET /v1/convai/conversations/{id}`, and `data` of the webhook `post_call_transcription`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConversationDetails {
    /// The conversation.
    pub conversation_id: String,
    /// Its agent.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// Its status.
    pub status: ConversationStatus,
    /// The customer's id of its user, as given at placement.
    #[serde(default)]
    pub user_id: Option<String>,
    /// Times, reasons and the telephone side.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: ConversationMetadata,
    /// What the conversation was started with.
    #[serde(default)]
    pub conversation_initiation_client_data: Option<ClientData>,
}

/// `metadata` of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationMetadata {
    /// Its start, Unix seconds.
    #[serde(default)]
    pub start_time_unix_secs: Option<i64>,
    /// When the callee answered, Unix seconds.
    #[serde(default)]
    pub accepted_time_unix_secs: Option<i64>,
    /// Its length so far, in seconds.
    #[serde(default)]
    pub call_duration_secs: Option<i64>,
    /// Why it ended: free text.
    #[serde(default)]
    pub termination_reason: Option<String>,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<ConversationError>,
    /// The telephone side; absent for conversations in a browser.
    #[serde(default)]
    pub phone_call: Option<PhoneCall>,
}

/// `metadata.error` of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationError {
    /// A WebSocket close code, such as 1002 when the quota is exceeded.
    #[serde(default)]
    pub code: Option<i64>,
    /// Free text.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `metadata.phone_call` of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneCall {
    /// `twilio`, `exotel` or `sip_trunking`.
    #[serde(default, rename = "type")]
    pub carrier: Option<String>,
    /// Who called whom.
    #[serde(default)]
    pub direction: Option<CallDirection>,
    /// The provider's id of the agent's number.
    #[serde(default)]
    pub phone_number_id: Option<String>,
    /// The agent's number, E.164.
    #[serde(default)]
    pub agent_number: Option<String>,
    /// The other party's number, E.164.
    #[serde(default)]
    pub external_number: Option<String>,
    /// Twilio's call, or the `sip_call_id` of the placement.
    #[serde(default)]
    pub call_sid: Option<String>,
    /// The carrier's SIP Call-ID; SIP only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Twilio's media stream; Twilio only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_sid: Option<String>,
}

/// 200 of `GET /v1/convai/analytics/live-count`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCount {
    /// Conversations going on now.
    pub count: u64,
}

/// A command to the WebSocket `/v1/convai/conversations/{id}/monitor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command_type", rename_all = "snake_case")]
pub enum MonitorCommand {
    /// Hang up.
    EndCall,
    /// A command unknown to this release.
    #[serde(other)]
    Unknown,
}

/// Body of an error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong, in one of several shapes.
    pub detail: ErrorDetail,
}

/// `detail` of an error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorDetail {
    /// The documented shape.
    Object(ErrorObject),
    /// The shape of a 422.
    Issues(Vec<ValidationIssue>),
    /// Seen in older answers.
    Text(String),
    /// Anything else.
    Other(Value),
}

/// The documented shape of an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The family, such as `rate_limit_error`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The code, such as `concurrent_limit_exceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The code's older name, such as `too_many_concurrent_requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The provider's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The parameter at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

/// One finding of a 422.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ValidationIssue {
    /// The path to the value at fault: names and indices.
    #[serde(default)]
    pub loc: Vec<Value>,
    /// Text for people.
    #[serde(default)]
    pub msg: String,
    /// The kind of finding.
    #[serde(default, rename = "type")]
    pub kind: String,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_with_nulls_and_unknown_fields_are_read() {
        let details: ConversationDetails = serde_json::from_value(json!({
            "conversation_id": "conv_1", "status": "on-hold", "metadata": null, "transcript": [],
            "conversation_initiation_client_data": {"dynamic_variables": null, "source_info": {"version": "1"}},
        }))
        .unwrap();
        assert_eq!(details.status, ConversationStatus::Other("on-hold".into()));
        assert_eq!(details.metadata, ConversationMetadata::default());
        let client_data = details.conversation_initiation_client_data.unwrap();
        assert!(client_data.dynamic_variables.is_empty());
        assert_eq!(client_data.other["source_info"], json!({"version": "1"}));
    }

    #[test]
    fn every_shape_of_an_error_is_read() {
        let read = |detail: Value| serde_json::from_value::<ErrorBody>(json!({"detail": detail})).unwrap().detail;
        assert!(
            matches!(read(json!({"code": "x", "surprise": 1})), ErrorDetail::Object(object) if object.code.as_deref() == Some("x"))
        );
        assert!(
            matches!(read(json!([{"loc": ["body", 0], "msg": "m", "type": "t"}])), ErrorDetail::Issues(issues) if issues.len() == 1)
        );
        assert!(matches!(read(json!("no")), ErrorDetail::Text(text) if text == "no"));
        assert!(matches!(read(json!(7)), ErrorDetail::Other(_)));
    }

    #[test]
    fn the_twilio_answer_spells_its_call_in_camel_case() {
        let answer = TwilioOutboundResponse { call_sid: Some("CA1".into()), ..TwilioOutboundResponse::default() };
        assert_eq!(serde_json::to_value(answer).unwrap()["callSid"], "CA1");
    }

    #[test]
    fn the_monitor_command_names_its_type() {
        assert_eq!(serde_json::to_value(MonitorCommand::EndCall).unwrap(), json!({"command_type": "end_call"}));
        let other: MonitorCommand = serde_json::from_value(json!({"command_type": "enable_human_takeover"})).unwrap();
        assert_eq!(other, MonitorCommand::Unknown);
    }
}
