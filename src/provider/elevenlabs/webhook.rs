//! Webhook bodies, normalised to one [`Notice`]. Transcripts and audio are read past, never kept.
//!
//! Known are the documented `post_call_*` and `call_initiation_failure`, wrapped in `data`, and the flat
//! `conversation.started` and `conversation.ended` that platforms relay. Each field is looked for in both places.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::call::{Direction, EndReason, Reference, References};
use crate::domain::notice::{News, Notice};
use crate::domain::phone::MaskedNumber;

/// A webhook that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The provider's word for it.
    pub event_type: String,
    /// What it says; nothing where the type is unknown.
    pub notice: Option<Notice>,
}

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or no object.
    #[error("the body is no JSON object: {0}")]
    NoObject(String),
    /// A field that must be there is missing.
    #[error("the field {0} is missing or empty")]
    Missing(&'static str),
    /// A name that no provider gives.
    #[error("the field {0} is longer than {LONGEST_NAME} characters, or not printable")]
    NoName(&'static str),
}

/// Longer names of conversations and calls are refused: they must fit into addresses.
const LONGEST_NAME: usize = 256;

/// A name that can be stored, shown and asked for.
fn checked_name<'a>(field: &'static str, name: &'a str) -> Result<&'a str, Malformed> {
    let plain = name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(name) } else { Err(Malformed::NoName(field)) }
}

/// The body of the conversation-initiation webhook.
#[derive(Clone, Debug, Deserialize)]
pub struct Initiation {
    /// Who calls.
    #[serde(default)]
    pub caller_id: Option<String>,
    /// Which agent is called.
    pub agent_id: String,
    /// Which number was called.
    #[serde(default)]
    pub called_number: Option<String>,
    /// The carrier's call.
    pub call_sid: String,
}

/// Reads the body of a webhook.
pub fn read(body: &[u8]) -> Result<Webhook, Malformed> {
    let root: Value = serde_json::from_slice(body).map_err(|error| Malformed::NoObject(error.to_string()))?;
    if !root.is_object() {
        return Err(Malformed::NoObject("another kind of JSON value".to_owned()));
    }
    let event_type = root.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    let event_type = event_type.ok_or(Malformed::Missing("type"))?.chars().take(64).collect::<String>();
    let fields = Fields { root: &root };
    let news = match event_type.as_str() {
        "conversation.started" | "conversation_started" => News::Started,
        "conversation.ended" | "conversation_ended" | "post_call_transcription" | "post_call_audio" => {
            News::Ended { reason: EndReason::Completed }
        }
        "call_initiation_failure" => News::Ended { reason: failure(fields.text(&["/failure_reason"])) },
        _ => return Ok(Webhook { event_type, notice: None }),
    };
    let notice = fields.notice(news)?;
    if notice.references.is_empty() && notice.call_id.is_none() {
        return Err(Malformed::Missing("conversation_id"));
    }
    Ok(Webhook { event_type, notice: Some(notice) })
}

/// Reads the body of the conversation-initiation webhook.
pub fn read_initiation(body: &[u8]) -> Result<Initiation, Malformed> {
    let initiation: Initiation =
        serde_json::from_slice(body).map_err(|error| Malformed::NoObject(error.to_string()))?;
    if initiation.agent_id.is_empty() {
        return Err(Malformed::Missing("agent_id"));
    }
    if initiation.call_sid.is_empty() {
        return Err(Malformed::Missing("call_sid"));
    }
    checked_name("call_sid", &initiation.call_sid)?;
    Ok(initiation)
}

fn failure(reason: Option<&str>) -> EndReason {
    match reason {
        Some("busy") => EndReason::Busy,
        Some("no-answer" | "no_answer") => EndReason::NoAnswer,
        _ => EndReason::InitiationFailed,
    }
}

/// The fields of a body, flat or wrapped in `data`.
struct Fields<'a> {
    root: &'a Value,
}

impl<'a> Fields<'a> {
    fn find(&self, pointers: &[&str]) -> Option<&'a Value> {
        let places = [self.root.get("data"), Some(self.root)];
        let found = |place: &'a Value| {
            pointers.iter().find_map(|pointer| place.pointer(pointer)).filter(|value| !value.is_null())
        };
        places.into_iter().flatten().find_map(found)
    }

    fn text(&self, pointers: &[&str]) -> Option<&'a str> {
        self.find(pointers).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn notice(&self, news: News) -> Result<Notice, Malformed> {
        let echoed = self
            .text(&[
                "/conversation_initiation_client_data/dynamic_variables/callgate_call_id",
                "/dynamic_variables/callgate_call_id",
                "/metadata/callgate_call_id",
            ])
            .or_else(|| self.text(&["/user_id"]));
        let carrier_call = self.text(&[
            "/metadata/call_sid",
            "/metadata/phone_call/call_sid",
            "/metadata/body/CallSid",
            "/metadata/body/call_sid",
            "/call_sid",
        ]);
        let conversation = self.text(&["/conversation_id"]);
        let conversation = conversation.map(|name| checked_name("conversation_id", name)).transpose()?;
        let carrier_call = carrier_call.map(|name| checked_name("call_sid", name)).transpose()?;
        let references: References = conversation
            .map(Reference::conversation)
            .into_iter()
            .chain(carrier_call.map(Reference::carrier_call))
            .collect();
        let direction = match self.text(&["/metadata/direction", "/metadata/phone_call/direction", "/direction"]) {
            Some("inbound") => Some(Direction::Inbound),
            Some("outbound") => Some(Direction::Outbound),
            _ => None,
        };
        let counterpart = match direction {
            Some(Direction::Outbound) => {
                self.text(&["/metadata/called_number", "/metadata/phone_call/external_number"])
            }
            _ => self.text(&["/metadata/caller_id", "/metadata/phone_call/external_number", "/metadata/body/From"]),
        };
        Ok(Notice {
            news,
            call_id: echoed.and_then(|text| text.parse().ok()),
            references,
            agent_id: self.text(&["/agent_id"]).and_then(|id| id.parse().ok()),
            direction,
            counterpart: counterpart.map(MaskedNumber::of),
            occurred_at: self.occurred_at(news),
        })
    }

    fn occurred_at(&self, news: News) -> Option<DateTime<Utc>> {
        let seconds = |pointer: &str| self.find(&[pointer]).and_then(Value::as_i64).filter(|seconds| *seconds > 0);
        let start = seconds("/metadata/start_time_unix_secs");
        let at = match news {
            News::Started => start,
            News::Ended { .. } => match (start, seconds("/metadata/call_duration_secs")) {
                (Some(start), Some(duration)) => start.checked_add(duration),
                _ => None,
            },
        };
        DateTime::from_timestamp(at.or_else(|| seconds("/event_timestamp"))?, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    fn notice(body: &Value) -> Notice {
        read(body.to_string().as_bytes()).unwrap().notice.unwrap()
    }

    #[test]
    fn a_flat_start_is_read() {
        let notice = notice(&json!({
            "type": "conversation.started", "conversation_id": "conv_1", "agent_id": "agent_1",
            "metadata": {"call_sid": "CA1", "direction": "inbound", "caller_id": "+14155550123"},
        }));
        assert_eq!(notice.news, News::Started);
        assert_eq!(notice.conversation(), Some("conv_1"));
        assert_eq!(notice.carrier_call(), Some("CA1"));
        assert_eq!(notice.direction, Some(Direction::Inbound));
        assert_eq!(notice.counterpart.unwrap().as_str(), "+1415•••0123");
    }

    #[test]
    fn a_transcription_is_read_without_its_transcript() {
        let id = "0198a0f4-7f0e-7000-8000-000000000001";
        let notice = notice(&json!({
            "type": "post_call_transcription", "event_timestamp": 1_769_500_100,
            "data": {
                "conversation_id": "conv_1", "agent_id": "agent_1", "status": "done", "user_id": "ada",
                "transcript": [{"role": "user", "message": "my secret"}],
                "metadata": {"start_time_unix_secs": 1_769_500_000, "call_duration_secs": 60, "phone_call": {"type": "twilio", "direction": "outbound", "call_sid": "CA1", "external_number": "+14155550123"}},
                "conversation_initiation_client_data": {"dynamic_variables": {"callgate_call_id": id}},
            },
        }));
        assert_eq!(notice.news, News::Ended { reason: EndReason::Completed });
        assert_eq!(notice.call_id.unwrap().to_string(), id);
        assert_eq!(notice.occurred_at.unwrap().timestamp(), 1_769_500_060);
        assert!(!serde_json::to_string(&notice).unwrap().contains("secret"));
    }

    #[rstest]
    #[case("busy", EndReason::Busy)]
    #[case("no-answer", EndReason::NoAnswer)]
    #[case("unknown", EndReason::InitiationFailed)]
    fn a_failure_is_read_for_twilio_and_sip(#[case] word: &str, #[case] reason: EndReason) {
        for (metadata, name) in [
            (json!({"type": "twilio", "body": {"CallSid": "CA1"}}), "CA1"),
            (json!({"type": "sip", "body": {"call_sid": "SCL_1"}}), "SCL_1"),
        ] {
            let notice = notice(&json!({
                "type": "call_initiation_failure", "event_timestamp": 1,
                "data": {"conversation_id": "conv_1", "failure_reason": word, "metadata": metadata},
            }));
            assert_eq!(notice.news, News::Ended { reason });
            assert_eq!(notice.carrier_call(), Some(name));
        }
    }

    #[test]
    fn unknown_types_are_no_error_and_say_nothing() {
        let webhook = read(br#"{"type": "voice_removal_notice", "data": {}}"#).unwrap();
        assert_eq!(webhook, Webhook { event_type: "voice_removal_notice".to_owned(), notice: None });
    }

    #[rstest]
    #[case("", "the body is no JSON object")]
    #[case("[]", "the body is no JSON object")]
    #[case("{}", "the field type is missing")]
    #[case(r#"{"type": 7}"#, "the field type is missing")]
    #[case(r#"{"type": "conversation.ended"}"#, "the field conversation_id is missing")]
    #[case(r#"{"type": "conversation.ended", "conversation_id": ""}"#, "the field conversation_id is missing")]
    #[case(r#"{"type": "conversation.ended", "conversation_id": 5}"#, "the field conversation_id is missing")]
    #[case(r#"{"type": "conversation.ended", "conversation_id": "a\u0000b"}"#, "the field conversation_id is longer")]
    #[case(r#"{"type": "conversation.ended", "conversation_id": "a b"}"#, "the field conversation_id is longer")]
    fn malformed_bodies_name_what_is_wrong(#[case] body: &str, #[case] message: &str) {
        let error = read(body.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
            let _ = read_initiation(&body);
        }
    }
}
