//! What the provider may say, and its signature.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::door::Door;
use super::gate::SECRET;
use super::http::{Answer, Ask};

const PATH: &str = "/api/webhooks/elevenlabs";

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// The header `ElevenLabs-Signature` of a body that was signed at `seconds`.
pub(crate) fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v0={}", hex::encode(mac.finalize().into_bytes()))
}

/// A webhook with its own signature, or with none.
pub(crate) fn unbelieved(signature: Option<&str>, body: &str) -> Ask {
    let ask = Ask::post(PATH).header("Content-Type", "application/json").body(body.to_owned());
    match signature {
        Some(signature) => ask.header("ElevenLabs-Signature", signature),
        None => ask,
    }
}

/// A webhook, signed now.
pub(crate) fn signed(body: &str) -> Ask {
    unbelieved(Some(&signature(SECRET, now(), body.as_bytes())), body)
}

/// `conversation.started`, `conversation.ended`, and their other spellings.
pub(crate) fn flat(kind: &str, conversation: &str, agent: &str, metadata: &Value) -> Value {
    json!({"type": kind, "conversation_id": conversation, "agent_id": agent, "metadata": metadata})
}

/// The start of an inbound call.
pub(crate) fn inbound_started(conversation: &str, agent: &str) -> Value {
    let metadata = json!({"direction": "inbound", "caller_id": "+12065550199"});
    flat("conversation.started", conversation, agent, &metadata)
}

/// A webhook of any type that ends a conversation, as that type looks.
pub(crate) fn ending(kind: &str, conversation: &str, agent: &str) -> Value {
    let wrapped = |data: Value| json!({"type": kind, "event_timestamp": now(), "data": data});
    match kind {
        "post_call_transcription" => wrapped(json!({
            "agent_id": agent, "conversation_id": conversation, "status": "done",
            "transcript": [{"role": "agent", "message": "Hello", "time_in_call_secs": 0}],
            "metadata": {"start_time_unix_secs": now() - 1, "call_duration_secs": 1},
        })),
        "post_call_audio" => wrapped(json!({
            "agent_id": agent, "conversation_id": conversation, "full_audio": "SUQzBAAAAAAA",
        })),
        "call_initiation_failure" => wrapped(json!({
            "agent_id": agent, "conversation_id": conversation, "failure_reason": "busy",
            "metadata": {"type": "twilio", "body": {"CallSid": format!("CA_{conversation}"), "CallStatus": "busy"}},
        })),
        _ => flat(kind, conversation, agent, &json!({})),
    }
}

impl Door {
    /// Delivers a webhook, signed now.
    pub(crate) async fn post_webhook(&self, body: &Value) -> Answer {
        self.ask(signed(&body.to_string())).await
    }

    /// The outcome of a webhook that must be believed.
    pub(crate) async fn outcome_of(&self, body: &Value) -> String {
        let answer = self.post_webhook(body).await.expect(200);
        assert_eq!(answer["received"], true);
        answer["outcome"].as_str().unwrap().to_owned()
    }

    /// Asks before an inbound call talks.
    pub(crate) async fn post_initiation(&self, secret: Option<&str>, body: &Value) -> Answer {
        let ask = Ask::post(&format!("{PATH}/initiation")).json(body);
        self.ask(match secret {
            Some(secret) => ask.header("X-Callgate-Secret", secret),
            None => ask,
        })
        .await
    }
}
