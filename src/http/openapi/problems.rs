//! Which errors a route may answer: sets of codes, each written once, and how they look in the document.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::names::EXAMPLE_CALL;
use crate::http::problem::{CODES, ProblemDocument, describe};
use crate::ledger::Standing;

/// A set of codes.
pub(in crate::http) type Codes = &'static [&'static str];

/// A key that is missing or unknown; the keys are in the database.
pub(in crate::http) const KEY: Codes = &["UNAUTHORIZED", "EVENT_STORE_UNAVAILABLE"];
/// A key whose scope is too small.
pub(in crate::http) const SCOPE: Codes = &["FORBIDDEN"];
/// A parameter, a name in the path or a header that cannot be read.
pub(in crate::http) const PARAMETERS: Codes = &["INVALID_REQUEST"];
/// A JSON body that cannot be read.
pub(in crate::http) const BODY: Codes = &["INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"];
/// A webhook body that cannot be read, whatever its media type.
pub(in crate::http) const RAW_BODY: Codes = &["INVALID_REQUEST", "PAYLOAD_TOO_LARGE"];
/// A database that does not answer.
pub(in crate::http) const STORE: Codes = &["EVENT_STORE_UNAVAILABLE"];
/// More requests at work than the gate takes.
pub(in crate::http) const BUSY: Codes = &["OVERLOADED"];
/// Nothing of that name.
pub(in crate::http) const NOT_FOUND: Codes = &["NOT_FOUND"];
/// A business that is not registered.
pub(in crate::http) const BUSINESS: Codes = &["SUBSCRIPTION_NOT_FOUND"];
/// No telephone number.
pub(in crate::http) const NUMBER: Codes = &["INVALID_DESTINATION_PHONE"];
/// A call that is over.
pub(in crate::http) const OVER: Codes = &["CALL_ALREADY_OVER"];
/// A business with live calls.
pub(in crate::http) const LIVE: Codes = &["CALLS_LIVE"];
/// A signature that is missing or wrong.
pub(in crate::http) const SIGNATURE: Codes = &["INVALID_SIGNATURE"];
/// An address that asks too often.
pub(in crate::http) const RATE: Codes = &["RATE_LIMITED"];
/// A ledger that does not answer.
pub(in crate::http) const LEDGER: Codes = &["CAPACITY_STORE_UNAVAILABLE"];
/// Why a call is not placed, whichever door it came through.
pub(in crate::http) const PLACING: Codes = &[
    "INVALID_DESTINATION_PHONE",
    "FORBIDDEN",
    "SUBSCRIPTION_INACTIVE",
    "CONCURRENT_CALLS_DISABLED",
    "DO_NOT_CALL_BLOCKED",
    "SUBSCRIPTION_NOT_FOUND",
    "IDEMPOTENCY_KEY_REUSED",
    "CALL_INITIATION_FAILED",
    "CALL_OUTCOME_UNKNOWN",
    "GLOBAL_CAPACITY_EXCEEDED",
    "BUSINESS_LIMIT",
    "PLAN_CAPACITY_RESERVED",
    "POOL_PAUSED",
    "ELEVENLABS_429_RATE_LIMIT",
    "CAPACITY_STORE_UNAVAILABLE",
    "CAPACITY_RECOVERING",
    "EVENT_STORE_UNAVAILABLE",
    "OVERLOADED",
];
/// What any path answers whatever its routes are.
const ANYWHERE: [(&str, &str); 3] =
    [("MethodNotAllowed", "METHOD_NOT_ALLOWED"), ("NoSuchPath", "NOT_FOUND"), ("InternalError", "INTERNAL_ERROR")];
/// The errors that carry the counts.
const COUNTED: [&str; 5] = [
    "GLOBAL_CAPACITY_EXCEEDED",
    "BUSINESS_LIMIT",
    "PLAN_CAPACITY_RESERVED",
    "POOL_PAUSED",
    "ELEVENLABS_429_RATE_LIMIT",
];
/// The errors of calls that exist.
const OF_CALLS: [&str; 3] = ["CALL_INITIATION_FAILED", "CALL_OUTCOME_UNKNOWN", "ELEVENLABS_429_RATE_LIMIT"];

/// Declares which errors a route may answer, as responses for its annotation.
macro_rules! problems {
    ($(#[$doc:meta])* $visibility:vis $name:ident: $($set:expr),+) => {
        $(#[$doc])*
        $visibility enum $name {}

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::response::Response>> {
                $crate::http::openapi::problems::responses(&[$($set),+])
            }
        }
    };
}
pub(in crate::http) use problems;

/// The code of an error.
pub(in crate::http) enum ErrorCode {}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Why a request is not done, for programs. A code always comes with the same status."))
            .enum_values(Some(CODES.map(|(code, _, _)| code)))
            .examples([json!("GLOBAL_CAPACITY_EXCEEDED")])
            .into()
    }
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

/// The responses for sets of codes: one for each status.
pub(in crate::http) fn responses(sets: &[Codes]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    // In the order of the table, each once.
    for (code, status, _) in CODES.iter().filter(|(code, _, _)| sets.iter().any(|set| set.contains(code))) {
        by_status.entry(status.as_u16()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes).into())).collect()
}

/// The errors that belong to no route.
pub(super) fn anywhere() -> impl Iterator<Item = (&'static str, Response)> {
    ANYWHERE.into_iter().map(|(name, code)| (name, response(describe(code).0.as_u16(), &[code])))
}

fn response(status: u16, codes: &[&str]) -> Response {
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{code}`: {}", describe(code).1)).collect();
    let narrowed = ObjectBuilder::new()
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])))
        .property("error", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.to_vec())));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed);
    let examples = codes.iter().map(|code| {
        (*code, RefOr::T(ExampleBuilder::new().summary(describe(code).1).value(Some(example(code))).build()))
    });
    let content = ContentBuilder::new().schema(Some(Schema::from(schema.build()))).examples_from_iter(examples).build();
    let mut response =
        ResponseBuilder::new().description(lines.join("\n")).content("application/problem+json", content);
    for (name, description, example) in headers(status, codes) {
        let text = matches!(example, Value::String(_));
        let schema = ObjectBuilder::new().schema_type(if text { Type::String } else { Type::Integer });
        let header = HeaderBuilder::new()
            .schema(Some(Schema::from(schema.build())))
            .description(Some(description))
            .example(Some(example));
        response = response.header(name, header.build());
    }
    response.build()
}

/// The headers that come with an error.
fn headers(status: u16, codes: &[&str]) -> Vec<(&'static str, &'static str, Value)> {
    let mut headers = Vec::new();
    if codes.contains(&"UNAUTHORIZED") {
        headers.push((
            "WWW-Authenticate",
            "How to authenticate, where a key is missing.",
            json!("Bearer realm=\"callgate\""),
        ));
    }
    if matches!(status, 429 | 503) {
        headers.push(("Retry-After", "Seconds until it makes sense to ask again.", json!(63)));
    }
    if status == 405 {
        headers.push(("Allow", "The methods of this path.", json!("GET, HEAD, POST")));
    }
    if codes.iter().any(|code| OF_CALLS[..2].contains(code)) {
        headers.push((
            "Idempotent-Replayed",
            "`true` where an earlier request of the same key came to this.",
            json!("true"),
        ));
    }
    headers
}

/// An error as a client sees it.
fn example(code: &str) -> Value {
    let mut document = ProblemDocument::new(code, describe(code).1, "/api/calls");
    if matches!(describe(code).0.as_u16(), 429 | 503) {
        document.retry_after = Some(63);
    }
    if COUNTED.contains(&code) {
        document = document.with(Standing { business: 1, business_limit: 3, global: 5, global_limit: 5 });
    }
    if OF_CALLS.contains(&code) {
        document.call_id = Some(EXAMPLE_CALL);
    }
    serde_json::to_value(document).expect("the document is text and numbers")
}
