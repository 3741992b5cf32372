//! Outbound calls. Every answer is sorted into: dialled, certainly not dialled, nobody knows.
//!
//! Source: the official SDK's `conversational_ai/twilio` and `sip_trunk` clients; `success: false` with
//! status 200 is a refusal, 5xx and silence are doubt. A placement is never sent twice.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{CONTENT_TYPE, HeaderMap};
use chrono::DateTime;
use serde_json::Value;

use super::client::{ElevenLabs, Transport};
use super::wire::{
    ClientData, ErrorBody, ErrorDetail, OutboundCallRequest, SipOutboundResponse, TelephonyCallConfig,
    TwilioOutboundResponse,
};
use crate::domain::call::{Doubt, Reference, References};
use crate::domain::phone::without_numbers;
use crate::provider::{DialPermit, NotDialled, Placement, PlacementOutcome};
use crate::sources;

/// The body of a placement. Its first byte is given out only while the permit holds.
struct PermittedBody {
    bytes: Option<Bytes>,
    length: u64,
    permit: DialPermit,
    written: Rc<Cell<bool>>,
}

impl MessageBody for PermittedBody {
    type Error = NotDialled;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, NotDialled>>> {
        let body = self.get_mut();
        let Some(bytes) = body.bytes.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(body.permit.check().map(|()| {
            body.written.set(true);
            bytes
        })))
    }
}

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
        if let Err(reason) = permit.check() {
            return PlacementOutcome::NotDialled(reason);
        }
        let path = match self.options.transport {
            Transport::Twilio => "/v1/convai/twilio/outbound-call",
            Transport::Sip => "/v1/convai/sip-trunk/outbound-call",
        };
        let bytes = Bytes::from(serde_json::to_vec(&request_of(placement)).expect("a request is a map with text keys"));
        let written = Rc::new(Cell::new(false));
        let body = PermittedBody {
            length: bytes.len() as u64,
            bytes: Some(bytes),
            permit: permit.clone(),
            written: Rc::clone(&written),
        };
        let request = self.placement(path).insert_header((CONTENT_TYPE, "application/json"));
        let answer = async {
            let mut response = request.send_body(body).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, SendRequestError>((status, headers, response.body().await))
        };
        match tokio::time::timeout(self.options.place_timeout, answer).await {
            Ok(Ok((status, headers, Ok(body)))) => self.judge(status, &headers, &body),
            Ok(Ok((status, headers, Err(_)))) if certain_refusal(status) => self.judge(status, &headers, b""),
            Ok(Ok((_, _, Err(error)))) => uncertain(Doubt::ConnectionLost, &error),
            // Before its first byte was given out the provider cannot have had a request.
            Ok(Err(error)) if !written.get() => PlacementOutcome::NotDialled(match permit.check() {
                Err(reason) => reason,
                Ok(()) => NotDialled::Unreachable(error.to_string()),
            }),
            Ok(Err(SendRequestError::Timeout)) => uncertain(Doubt::Timeout, "no answer in time"),
            Ok(Err(error)) => uncertain(Doubt::ConnectionLost, &error),
            Err(_) if !written.get() => {
                PlacementOutcome::NotDialled(NotDialled::Unreachable("no connection in time".to_owned()))
            }
            Err(_) => uncertain(Doubt::Timeout, "no answer in time"),
        }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> PlacementOutcome {
        if status == StatusCode::TOO_MANY_REQUESTS {
            return PlacementOutcome::RateLimited {
                retry_after: retry_after(headers),
                detail: detail_of(status, body),
            };
        }
        if certain_refusal(status) {
            return PlacementOutcome::Refused { detail: detail_of(status, body) };
        }
        if !status.is_success() {
            return uncertain(Doubt::UnclearAnswer, &detail_of(status, body));
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

/// A client error says that nothing was dialled; 408 says only that somebody on the way lost patience.
fn certain_refusal(status: StatusCode) -> bool {
    (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT) || status.is_redirection()
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
fn detail_of(status: StatusCode, body: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::sources::Moment;

    fn body(permit: &DialPermit) -> PermittedBody {
        PermittedBody {
            bytes: Some(Bytes::from_static(b"{}")),
            length: 2,
            permit: permit.clone(),
            written: Rc::default(),
        }
    }

    fn first(body: &mut PermittedBody) -> Poll<Option<Result<Bytes, NotDialled>>> {
        Pin::new(body).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn i1_the_body_keeps_its_bytes_when_the_permit_is_taken_back_at_the_last_moment() {
        let permit = DialPermit::new(Moment::now(), Duration::from_secs(5));
        let mut kept = body(&permit);
        permit.cancel();
        assert!(matches!(first(&mut kept), Poll::Ready(Some(Err(NotDialled::Cancelled)))));
        assert!(!kept.written.get());
        assert!(matches!(first(&mut kept), Poll::Ready(None)));
    }

    #[test]
    fn a_body_with_a_permit_gives_its_bytes_once_and_says_so() {
        let mut given = body(&DialPermit::new(Moment::now(), Duration::from_secs(5)));
        assert!(matches!(first(&mut given), Poll::Ready(Some(Ok(_)))));
        assert!(given.written.get());
        assert!(matches!(first(&mut given), Poll::Ready(None)));
    }
}
