//! Error answers: of the provider's routes in the shape of `ElevenLabs`, of `/sim` as `{"error": …}`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

use crate::provider::elevenlabs::wire::{ErrorBody, ErrorDetail, ErrorObject, ValidationIssue};

/// 401: the API key is not the right one.
pub(super) fn unauthorized() -> HttpResponse {
    provider(StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key", "invalid_api_key", "Invalid API key")
}

/// 404: no such conversation, or no longer.
pub(super) fn conversation_not_found(conversation_id: &str) -> HttpResponse {
    let message = format!("Conversation {conversation_id} was not found");
    provider(StatusCode::NOT_FOUND, "not_found", "conversation_not_found", "conversation_not_found", &message)
}

/// 409: the call is over, there is nothing to watch.
pub(super) fn conversation_over(conversation_id: &str) -> HttpResponse {
    let message = format!("Conversation {conversation_id} is not active");
    provider(StatusCode::CONFLICT, "conflict", "conversation_not_active", "conversation_not_active", &message)
}

/// 422: a parameter cannot be read.
pub(super) fn unprocessable(place: &str, parameter: &str, message: &str) -> HttpResponse {
    HttpResponse::UnprocessableEntity().json(ErrorBody {
        detail: ErrorDetail::Issues(vec![ValidationIssue {
            loc: vec![place.into(), parameter.into()],
            msg: message.to_owned(),
            kind: "value_error".to_owned(),
        }]),
    })
}

/// 429: the plan's calls are all in use.
pub(super) fn concurrent_limit(retry_after_seconds: Option<u64>) -> HttpResponse {
    let mut builder = HttpResponse::TooManyRequests();
    if let Some(seconds) = retry_after_seconds {
        builder.insert_header(("Retry-After", seconds.to_string()));
    }
    with_detail(
        &mut builder,
        "rate_limit_error",
        "concurrent_limit_exceeded",
        "too_many_concurrent_requests",
        "Too many concurrent requests for the plan",
    )
}

/// 500: the provider is not well.
pub(super) fn internal_error() -> HttpResponse {
    let message = "An internal error occurred";
    provider(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "internal_error", "internal_error", message)
}

fn provider(status: StatusCode, family: &str, code: &str, legacy: &str, message: &str) -> HttpResponse {
    with_detail(&mut HttpResponse::build(status), family, code, legacy, message)
}

fn with_detail(
    builder: &mut HttpResponseBuilder,
    family: &str,
    code: &str,
    legacy: &str,
    message: &str,
) -> HttpResponse {
    builder.json(ErrorBody {
        detail: ErrorDetail::Object(ErrorObject {
            family: Some(family.to_owned()),
            code: Some(code.to_owned()),
            status: Some(legacy.to_owned()),
            message: Some(message.to_owned()),
            ..ErrorObject::default()
        }),
    })
}

/// A refusal of one of the routes under `/sim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ControlRefusal {
    #[error("unknown conversation")]
    UnknownConversation,
    #[error("the call is already over")]
    AlreadyOver,
    #[error("the provider is at its capacity")]
    AtCapacity,
    #[error("the carrier has nobody to ask: set voiceUrl")]
    NoVoiceUrl,
}

impl ResponseError for ControlRefusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::UnknownConversation => StatusCode::NOT_FOUND,
            Self::AlreadyOver | Self::NoVoiceUrl => StatusCode::CONFLICT,
            Self::AtCapacity => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({"error": self.to_string()}))
    }
}

/// 400 of the routes under `/sim`: the message names the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRequest(String);

impl BadRequest {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl ResponseError for BadRequest {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::BadRequest().json(json!({"error": self.0}))
    }
}
