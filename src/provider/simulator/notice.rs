//! What the provider's webhooks say, and their signature.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::call::{EndReason, SimulatedCall, Trunk};

/// The kinds of webhooks that concern a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Notice {
    #[serde(rename = "conversation.started")]
    Started,
    #[serde(rename = "conversation.ended")]
    Ended,
    #[serde(rename = "post_call_transcription")]
    Transcription,
    #[serde(rename = "call_initiation_failure")]
    InitiationFailure,
}

impl Notice {
    /// The webhook that follows when a call is over.
    pub(super) fn of_end(reason: EndReason) -> Self {
        if reason.is_failure() { Self::InitiationFailure } else { Self::Transcription }
    }

    /// The webhook's body.
    pub(super) fn body(self, call: &SimulatedCall, now: DateTime<Utc>) -> Value {
        match self {
            Self::Started => flat("conversation.started", call),
            Self::Ended => flat("conversation.ended", call),
            Self::Transcription => wrapped("post_call_transcription", &json!(call.details(now)), now),
            Self::InitiationFailure => wrapped("call_initiation_failure", &failure(call), now),
        }
    }
}

/// The header `ElevenLabs-Signature`: `t=SECONDS,v0=HEX`, HMAC-SHA256 over `SECONDS.BODY`.
pub(super) fn signature(secret: &str, now: DateTime<Utc>, body: &[u8]) -> String {
    let seconds = now.timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn flat(kind: &str, call: &SimulatedCall) -> Value {
    let (caller_id, called_number) = call.numbers();
    json!({
        "type": kind,
        "conversation_id": call.setup.conversation_id,
        "agent_id": call.setup.agent_id,
        "metadata": {
            "call_sid": call.setup.call_sid,
            "direction": call.direction,
            "caller_id": caller_id,
            "called_number": called_number,
        },
    })
}

fn wrapped(kind: &str, data: &Value, now: DateTime<Utc>) -> Value {
    json!({"type": kind, "event_timestamp": now.timestamp(), "data": data})
}

fn failure(call: &SimulatedCall) -> Value {
    let (reason, twilio_status, sip_status) = match call.ending.map(|ending| ending.reason) {
        Some(EndReason::Busy) => ("busy", "busy", 486),
        Some(EndReason::NoAnswer) => ("no-answer", "no-answer", 480),
        _ => ("unknown", "failed", 500),
    };
    let (from, to) = call.numbers();
    let call_sid = &call.setup.call_sid;
    let metadata = match call.setup.trunk {
        Trunk::Twilio => json!({"type": "twilio", "body": {
            "CallSid": call_sid, "CallStatus": twilio_status, "SipResponseCode": sip_status.to_string(), "From": from, "To": to,
            "Direction": "outbound-api",
        }}),
        Trunk::Sip => json!({"type": "sip", "body": {
            "call_sid": call_sid, "from_number": from, "to_number": to, "sip_status_code": sip_status, "error_reason": reason,
        }}),
    };
    json!({
        "agent_id": call.setup.agent_id,
        "conversation_id": call.setup.conversation_id,
        "failure_reason": reason,
        "metadata": metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::simulator::call::CallSetup;
    use crate::provider::simulator::switchboard::tests::{at, setup};
    use crate::provider::simulator::switchboard::{Switchboard, Targets};

    fn ended(trunk: Trunk, reason: EndReason) -> SimulatedCall {
        let mut board = Switchboard::new(1, Targets::default());
        board.dial(CallSetup { trunk, ..setup("conv_1") }, at(0)).unwrap();
        board.hang_up("conv_1", reason, at(5)).unwrap();
        board.call("conv_1").unwrap().clone()
    }

    #[test]
    fn the_signature_is_the_hmac_of_time_and_body() {
        // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac wsec
        let expected = "t=1800000000,v0=7f5b2e96186a2b6e2c1a2f29a1dd119b55759bada05026294efc77fef2424cb5";
        assert_eq!(signature("wsec", at(0), br#"{"a":1}"#), expected);
    }

    #[test]
    fn a_start_is_flat() {
        let call = ended(Trunk::Twilio, EndReason::Completed);
        let body = Notice::Started.body(&call, at(6));
        assert_eq!(
            body,
            json!({
                "type": "conversation.started", "conversation_id": "conv_1", "agent_id": "agent_1",
                "metadata": {
                    "call_sid": "CA_conv_1", "direction": "outbound",
                    "caller_id": "+15005550006", "called_number": "+15005550001",
                },
            })
        );
    }

    #[test]
    fn a_transcription_wraps_the_details() {
        let call = ended(Trunk::Twilio, EndReason::Completed);
        let body = Notice::of_end(EndReason::Completed).body(&call, at(6));
        assert_eq!(body["type"], "post_call_transcription");
        assert_eq!(body["event_timestamp"], at(6).timestamp());
        assert_eq!(body["data"]["metadata"]["phone_call"]["call_sid"], "CA_conv_1");
    }

    #[test]
    fn a_failure_has_the_shape_of_its_trunk() {
        let twilio = Notice::of_end(EndReason::Busy).body(&ended(Trunk::Twilio, EndReason::Busy), at(6));
        assert_eq!(twilio["type"], "call_initiation_failure");
        assert_eq!(twilio["data"]["failure_reason"], "busy");
        assert_eq!(twilio["data"]["metadata"]["body"]["CallSid"], "CA_conv_1");
        let sip = Notice::of_end(EndReason::NoAnswer).body(&ended(Trunk::Sip, EndReason::NoAnswer), at(6));
        assert_eq!(sip["data"]["metadata"]["body"]["sip_status_code"], 480);
    }
}
