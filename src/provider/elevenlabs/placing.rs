//! Outbound calls. Every answer is sorted into: dialled, certainly not dialled, nobody knows.
//!
//! Source: the official SDK's `conversational_ai/twilio` and `sip_trunk` clients; `success: false` with
//! status 200 is a refusal, 5xx and silence are doubt. A placement is never sent twice.

use std::time::{Duration, Instant};

use awc::http::StatusCode;
use awc::http::header::HeaderMap;
use chrono::DateTime;
use serde_json::Value;

use super::client::{ElevenLabs, Transport};
use super::once::{Answer, Sent};
use super::wire::{
    ClientData, ErrorBody, ErrorDetail, OutboundCallRequest, SipOutboundResponse, TelephonyCallConfig,
    TwilioOutboundResponse,
};
use crate::domain::call::{Doubt, Reference, References};
use crate::domain::phone::without_numbers;
use crate::provider::{DialPermit, Placement, PlacementOutcome};
use crate::sources;

impl ElevenLabs {
    pub(super) async fn place_call(&self, placement: Placement, permit: DialPermit) -> PlacementOutcome {
        let asked = Instant::now();
        let outcome = self.dial(&placement, &permit).await;
        let word = match &outcome {
            PlacementOutcome::Placed(_) => "ok",
            PlacementOutcome::RateLimited { .. } => "rate_limited",
            PlacementOutcome::Refused { .. } => "refused",
            PlacementOutcome::NotDialled(_) => "not_dialled",
            PlacementOutcome::Uncertain { .. } => "uncertain",
        };
        self.metrics.record_provider_request("place", word, asked.elapsed());
        outcome
    }

    async fn dial(&self, placement: &Placement, permit: &DialPermit) -> PlacementOutcome {
        let path = match self.options.transport {
            Transport::Twilio => "/v1/convai/twilio/outbound-call",
            Transport::Sip => "/v1/convai/sip-trunk/outbound-call",
        };
        match self.send_once(path, &request_of(placement), permit, self.options.place_timeout).await {
            Sent::Answered(answer) => self.judge(&answer),
            Sent::NotAsked(reason) => PlacementOutcome::NotDialled(reason),
            Sent::Unclear(doubt, detail) => PlacementOutcome::Uncertain { doubt, detail },
        }
    }

    fn judge(&self, answer: &Answer) -> PlacementOutcome {
        let Answer { status, headers, body } = answer;
        if *status == StatusCode::TOO_MANY_REQUESTS {
            return PlacementOutcome::RateLimited { retry_after: retry_after(headers), detail: detail_of(answer) };
        }
        if answer.is_certain_refusal() {
            return PlacementOutcome::Refused { detail: detail_of(answer) };
        }
        if !status.is_success() {
            return uncertain(Doubt::UnclearAnswer, &detail_of(answer));
        }
        let (success, message, names) = match self.options.transport {
            Transport::Twilio => match serde_json::from_slice::<TwilioOutboundResponse>(body) {
                Ok(answer) => (answer.success, answer.message, (answer.conversation_id, answer.call_sid)),
                Err(error) => return uncertain(Doubt::UnclearAnswer, &error),
            },
            Transport::Sip => match serde_json::from_slice::<SipOutboundResponse>(body) {
                Ok(answer) => (answer.success, answer.message, (answer.conversation_id, answer.sip_call_id)),
                Err(error) => return uncertain(Doubt::UnclearAnswer, &error),
            },
        };
        match success {
            Some(true) => PlacementOutcome::Placed(references(names)),
            Some(false) => {
                let said = message.as_deref().map(one_line);
                PlacementOutcome::Refused { detail: said.unwrap_or_else(|| "success: false".to_owned()) }
            }
            None => uncertain(Doubt::UnclearAnswer, "the answer does not say whether it succeeded"),
        }
    }
}

fn uncertain(doubt: Doubt, detail: &(impl ToString + ?Sized)) -> PlacementOutcome {
    PlacementOutcome::Uncertain { doubt, detail: detail.to_string() }
}

fn references((conversation, carrier): (Option<String>, Option<String>)) -> References {
    let named = |value: Option<String>| value.filter(|value| !value.is_empty());
    named(conversation)
        .map(Reference::conversation)
        .into_iter()
        .chain(named(carrier).map(Reference::carrier_call))
        .collect()
}

fn request_of(placement: &Placement) -> OutboundCallRequest {
    let mut dynamic_variables = placement.client_data.clone();
    dynamic_variables.insert("callgate_call_id".to_owned(), Value::String(placement.call_id.to_string()));
    dynamic_variables.insert("business_id".to_owned(), Value::String(placement.business_id.to_string()));
    OutboundCallRequest {
        agent_id: placement.agent_id.to_string(),
        agent_phone_number_id: placement.phone_number_id.to_string(),
        to_number: placement.to_number.expose().to_owned(),
        conversation_initiation_client_data: Some(ClientData {
            user_id: Some(placement.user_id.clone().unwrap_or_else(|| placement.call_id.to_string())),
            dynamic_variables,
            ..ClientData::default()
        }),
        call_recording_enabled: None,
        telephony_call_config: placement
            .ringing_timeout_seconds
            .map(|seconds| TelephonyCallConfig { ringing_timeout_secs: Some(seconds) }),
    }
}

/// What the provider said, in one line of at most 300 characters.
pub(super) fn detail_of(Answer { status, body, .. }: &Answer) -> String {
    let said = match serde_json::from_slice::<ErrorBody>(body).map(|body| body.detail) {
        Ok(ErrorDetail::Object(object)) => object.message.or(object.code).or(object.status),
        Ok(ErrorDetail::Issues(issues)) => {
            Some(issues.iter().map(|issue| issue.msg.as_str()).collect::<Vec<_>>().join("; "))
        }
        Ok(ErrorDetail::Text(text)) => Some(text),
        Ok(ErrorDetail::Other(_)) | Err(_) => None,
    };
    let line = match said {
        Some(said) => format!("{}: {said}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    one_line(&line)
}

/// Somebody else's words as one line of at most 300 characters, without telephone numbers.
fn one_line(text: &str) -> String {
    without_numbers(text).chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); the SDK also knows `retry-after-ms`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<u64>().ok()) {
        return Some(Duration::from_secs(milliseconds.div_ceil(1000)));
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    (date.to_utc() - sources::now()).to_std().ok()
}
