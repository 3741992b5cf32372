//! Errors as `application/problem+json` (RFC 9457): one table of codes, one shape.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::ErrorCode;
use crate::actors::Gate;
use crate::actors::gate::{GateError, Refused};
use crate::actors::inbound::IntakeError;
use crate::domain::ids::CallId;
use crate::domain::phone::without_numbers;
use crate::domain::retry_after::Wait;
use crate::ledger::Standing;
use crate::store::StoreError;

/// An error of the contract.
#[derive(Debug)]
pub(super) struct Problem {
    code: &'static str,
    detail: Box<str>,
    instance: Box<str>,
    call_id: Option<CallId>,
    retry_after: Option<u64>,
    standing: Option<Standing>,
    allow: Option<Box<str>>,
    replayed: bool,
}

/// What an error looks like: problem details (RFC 9457), with the members of callgate.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// `urn:callgate:error:` and the code.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// What the code means, in a few words.
    pub(super) title: &'a str,
    /// The HTTP status.
    pub(super) status: u16,
    /// What is wrong with this request.
    pub(super) detail: &'a str,
    /// The path that was asked; telephone numbers in it are hidden.
    pub(super) instance: &'a str,
    /// The code: one for each reason, for programs.
    #[schema(value_type = ErrorCode)]
    pub(super) error: &'a str,
    /// The same as `detail`.
    pub(super) message: &'a str,
    /// The call that this is about, where one exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) call_id: Option<CallId>,
    /// Seconds until it makes sense to ask again; the same as the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) retry_after: Option<u64>,
    /// Live calls of the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) current_active: Option<u32>,
    /// The limit of the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) limit: Option<u32>,
    /// Live calls of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) global_current: Option<u32>,
    /// The cap of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) global_limit: Option<u32>,
}

/// The code where a handler crashed.
const CRASHED: &str = "INTERNAL_ERROR";

/// Every code, with its status and its title.
pub(super) const CODES: [(&str, StatusCode, &str); 29] = [
    ("INVALID_REQUEST", StatusCode::BAD_REQUEST, "Invalid request"),
    ("INVALID_DESTINATION_PHONE", StatusCode::BAD_REQUEST, "Invalid destination phone number"),
    ("UNAUTHORIZED", StatusCode::UNAUTHORIZED, "A valid API key is needed"),
    ("INVALID_SIGNATURE", StatusCode::UNAUTHORIZED, "The webhook's signature is not valid"),
    ("FORBIDDEN", StatusCode::FORBIDDEN, "Forbidden"),
    ("SUBSCRIPTION_INACTIVE", StatusCode::FORBIDDEN, "The subscription is not active"),
    ("CONCURRENT_CALLS_DISABLED", StatusCode::FORBIDDEN, "Calls are switched off"),
    ("DO_NOT_CALL_BLOCKED", StatusCode::FORBIDDEN, "The number must not be called"),
    ("NOT_FOUND", StatusCode::NOT_FOUND, "Not found"),
    ("SUBSCRIPTION_NOT_FOUND", StatusCode::NOT_FOUND, "Unknown business"),
    ("METHOD_NOT_ALLOWED", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
    ("CALL_ALREADY_OVER", StatusCode::CONFLICT, "The call is over already"),
    ("CALLS_LIVE", StatusCode::CONFLICT, "Calls are live"),
    ("PAYLOAD_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
    ("UNSUPPORTED_MEDIA_TYPE", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be JSON"),
    ("IDEMPOTENCY_KEY_REUSED", StatusCode::UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request"),
    ("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
    ("CALL_INITIATION_FAILED", StatusCode::BAD_GATEWAY, "The provider refused the call"),
    ("CALL_OUTCOME_UNKNOWN", StatusCode::GATEWAY_TIMEOUT, "It is unknown whether the call was dialled"),
    ("GLOBAL_CAPACITY_EXCEEDED", StatusCode::SERVICE_UNAVAILABLE, "All slots are taken"),
    ("BUSINESS_LIMIT", StatusCode::SERVICE_UNAVAILABLE, "The business is at its limit"),
    ("PLAN_CAPACITY_RESERVED", StatusCode::SERVICE_UNAVAILABLE, "The free slots are reserved for other plans"),
    ("POOL_PAUSED", StatusCode::SERVICE_UNAVAILABLE, "New calls are paused"),
    ("ELEVENLABS_429_RATE_LIMIT", StatusCode::SERVICE_UNAVAILABLE, "The provider is full"),
    ("CAPACITY_STORE_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE, "The ledger is not available"),
    ("CAPACITY_RECOVERING", StatusCode::SERVICE_UNAVAILABLE, "The gate is recovering"),
    ("EVENT_STORE_UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE, "The event store is not available"),
    ("OVERLOADED", StatusCode::SERVICE_UNAVAILABLE, "The gate is overloaded"),
    (CRASHED, StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
];

/// Status and title of a code.
pub(super) fn describe(code: &str) -> (StatusCode, &'static str) {
    let found = CODES.iter().find(|(other, _, _)| *other == code);
    found.map_or((StatusCode::INTERNAL_SERVER_ERROR, "Internal error"), |(_, status, title)| (*status, title))
}

impl<'a> ProblemDocument<'a> {
    /// What every error says of itself.
    pub(super) fn new(code: &'a str, detail: &'a str, instance: &'a str) -> Self {
        let (status, title) = describe(code);
        Self {
            kind: format!("urn:callgate:error:{code}"),
            title,
            status: status.as_u16(),
            detail,
            instance,
            error: code,
            message: detail,
            call_id: None,
            retry_after: None,
            current_active: None,
            limit: None,
            global_current: None,
            global_limit: None,
        }
    }

    /// With the counts of a capacity error.
    pub(super) fn with(self, standing: Standing) -> Self {
        Self {
            current_active: Some(standing.business),
            limit: Some(standing.business_limit),
            global_current: Some(standing.global),
            global_limit: Some(standing.global_limit),
            ..self
        }
    }
}

impl Problem {
    /// An error of the table.
    pub(super) fn new(code: &'static str, detail: impl Into<String>, request: &HttpRequest) -> Self {
        Self::at(code, detail, request.path())
    }

    fn at(code: &'static str, detail: impl Into<String>, path: &str) -> Self {
        Self {
            code,
            detail: detail.into().into(),
            instance: shown(path).into(),
            call_id: None,
            retry_after: None,
            standing: None,
            allow: None,
            replayed: false,
        }
    }

    /// 500: a handler crashed.
    pub(super) fn crashed(path: &str) -> Self {
        Self::at(CRASHED, "callgate failed at this request; it is logged", path)
    }

    /// 400 INVALID_REQUEST.
    pub(super) fn invalid(detail: impl Into<String>, request: &HttpRequest) -> Self {
        Self::new("INVALID_REQUEST", without_numbers(&detail.into()), request)
    }

    /// 404 NOT_FOUND.
    pub(super) fn not_found(what: &str, request: &HttpRequest) -> Self {
        Self::new("NOT_FOUND", format!("there is no {what}"), request)
    }

    /// 405, with what would be allowed.
    pub(super) fn method_not_allowed(allow: &str, request: &HttpRequest) -> Self {
        let detail = format!("{} is not allowed here; allowed are: {allow}", request.method());
        Self { allow: Some(allow.into()), ..Self::new("METHOD_NOT_ALLOWED", detail, request) }
    }

    /// What the gate says.
    pub(super) fn of(error: &GateError, gate: &Gate, request: &HttpRequest) -> Self {
        let mut problem = Self::new(error.code(), error.to_string(), request);
        if let Some(wait) = error.wait() {
            problem = problem.retry_after(gate.retry_after(wait));
        }
        problem.replayed = matches!(error, GateError::Replayed(_));
        match innermost(error) {
            GateError::NoSlot(_, standing) => problem = problem.standing(*standing),
            GateError::ProviderFull { call_id, .. }
            | GateError::ProviderRefused { call_id, .. }
            | GateError::NotDialled { call_id }
            | GateError::OutcomeUnknown { call_id: Some(call_id), .. } => {
                problem.call_id = Some(*call_id);
            }
            _ => {}
        }
        problem
    }

    /// The database does not answer.
    pub(super) fn store(error: &StoreError, gate: &Gate, request: &HttpRequest) -> Self {
        tracing::warn!(%error, "a read failed");
        Self::of(&GateError::EventStore(error.to_string()), gate, request)
    }

    /// A webhook cannot be stored.
    pub(super) fn intake(error: &IntakeError, gate: &Gate, request: &HttpRequest) -> Self {
        tracing::warn!(%error, "a webhook is not stored; the provider is to deliver it again");
        Self::new("EVENT_STORE_UNAVAILABLE", "the event store is not available", request)
            .retry_after(gate.retry_after(Wait::Other))
    }

    /// Seconds to wait, in body and header.
    #[must_use]
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The counts of a capacity error.
    #[must_use]
    pub(super) fn standing(self, standing: Standing) -> Self {
        Self { standing: Some(standing), ..self }
    }
}

fn innermost(error: &GateError) -> &GateError {
    match error {
        GateError::Replayed(inner) => innermost(inner),
        error => error,
    }
}

/// The path of a request, without telephone numbers.
fn shown(path: &str) -> String {
    let mut before = "";
    let segments = path.split('/').map(|segment| {
        let digits = segment.chars().filter(char::is_ascii_digit).count();
        let marked = segment.starts_with('+') || segment.starts_with("%2") || before == "do-not-call";
        before = segment;
        if marked && digits >= 7 && digits + 4 >= segment.len() { "•••" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        describe(self.code).0
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut document = ProblemDocument::new(self.code, &self.detail, &self.instance);
        document.call_id = self.call_id;
        document.retry_after = self.retry_after;
        if let Some(standing) = self.standing {
            document = document.with(standing);
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, &**allow));
        }
        if self.replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        if self.code == "UNAUTHORIZED" {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"callgate\""));
        }
        // `json` keeps a media type that is already there.
        response.content_type("application/problem+json").json(document)
    }
}

/// The caller's turn, as the gate would say it.
impl Problem {
    /// What the gate would say.
    pub(super) fn refused(refused: Refused, gate: &Gate, request: &HttpRequest) -> Self {
        Self::of(&GateError::Refused(refused), gate, request)
    }
}
