//! Inbound calls of numbers that are not the provider's: it is told of a call, and answers with what the carrier must
//! do to connect it.
//!
//! Source: the official SDK, `POST /v1/convai/twilio/register-call`; the answer is TwiML as text. The conversation is
//! live only once the carrier connects the call.

use std::time::{Duration, Instant};

use awc::http::StatusCode;
use serde_json::Value;

use super::client::ElevenLabs;
use super::once::{Answer, Sent};
use super::placing::detail_of;
use super::wire::{CallDirection, ClientData, RegisterCallRequest};
use crate::provider::{DialPermit, NotRegistered, Registration};

/// The carrier waits for 15 s, and the slot was taken and stored before.
const LONGEST: Duration = Duration::from_secs(8);

impl ElevenLabs {
    pub(super) async fn register(
        &self,
        registration: Registration,
        permit: DialPermit,
    ) -> Result<String, NotRegistered> {
        let asked = Instant::now();
        let timeout = self.options.place_timeout.min(LONGEST);
        let request = request_of(registration);
        let registered = match self.send_once("/v1/convai/twilio/register-call", &request, &permit, timeout).await {
            Sent::Answered(answer) => judge(&answer),
            Sent::NotAsked(reason) => Err(NotRegistered::NotAsked(reason)),
            Sent::Unclear(_, detail) => Err(NotRegistered::Unclear(detail)),
        };
        let word = match &registered {
            Ok(_) => "ok",
            Err(NotRegistered::Full(_)) => "rate_limited",
            Err(NotRegistered::Refused(_)) => "refused",
            Err(NotRegistered::NotAsked(_)) => "not_dialled",
            Err(NotRegistered::Unclear(_)) => "uncertain",
        };
        self.metrics.record_provider_request("register", word, asked.elapsed());
        registered
    }
}

fn judge(answer: &Answer) -> Result<String, NotRegistered> {
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(NotRegistered::Full(detail_of(answer)));
    }
    if answer.is_certain_refusal() {
        return Err(NotRegistered::Refused(detail_of(answer)));
    }
    if !answer.status.is_success() {
        return Err(NotRegistered::Unclear(detail_of(answer)));
    }
    twiml_of(&answer.body).ok_or_else(|| NotRegistered::Unclear("the answer is no TwiML".to_owned()))
}

/// The TwiML of an answer: text, or the same as a JSON string.
fn twiml_of(body: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice(body) {
        Ok(Value::String(text)) => text,
        _ => String::from_utf8(body.to_vec()).ok()?,
    };
    text.contains("<Response").then_some(text)
}

fn request_of(Registration { call_id, business_id, agent_id, from, to }: Registration) -> RegisterCallRequest {
    let variables = [("callgate_call_id", call_id.to_string()), ("business_id", business_id.to_string())];
    RegisterCallRequest {
        agent_id: agent_id.to_string(),
        from_number: from,
        to_number: to,
        direction: Some(CallDirection::Inbound),
        conversation_initiation_client_data: Some(ClientData {
            user_id: Some(call_id.to_string()),
            dynamic_variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect(),
            ..ClientData::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_twiml_as_text_or_as_json() {
        assert_eq!(twiml_of(b"<Response/>").as_deref(), Some("<Response/>"));
        assert_eq!(twiml_of(b"\"<Response/>\"").as_deref(), Some("<Response/>"));
        for other in [&b""[..], b"ok", b"null", b"\"ok\"", b"\xff<Response/>"] {
            assert_eq!(twiml_of(other), None, "{other:?}");
        }
    }
}
