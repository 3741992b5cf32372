//! The document: what is said of the API as a whole, and the handlers that it is made of.

use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document, Ref, RefOr};
use utoipa::{Modify, OpenApi, ToSchema};

use super::problems::{ErrorCode, anywhere};
use crate::http::problem::ProblemDocument;
use crate::http::{
    agents, businesses, calls, concurrency, dashboard, debug, do_not_call, doors, events, health, metrics, openapi,
    overview, phone_numbers, pools, reconciliations, twilio, webhooks,
};

/// What the API is, for people.
const INTRODUCTION: &str = "\
callgate is a gate for live phone calls: no outbound call starts and no inbound call stays without a slot.

**Keys.** Send `Authorization: Bearer KEY`. A key has one scope: `read` opens every GET, `call` also places and ends calls,
`admin` opens everything. The scope that an operation needs is named in its security requirement. A gate that has no key at
all listens on loopback only, and everything is open there.

**Errors** are problem documents (RFC 9457) whose `error` is a code for programs. Any path answers an unknown method with
405 and the header `Allow`; an unknown path is 404. A 503 says in `Retry-After` when to ask again: it means that there is
no room, or that the gate cannot prove that there is.

**Times** are RFC 3339, UTC, with milliseconds. **Request ids**: every answer has `X-Request-Id`: the request's own,
where that is up to 64 letters, digits, `-`, `_` or `.`, else a new one. Events and log lines carry it.

HEAD is answered wherever GET is, except by the endless event stream.";

/// The document (OpenAPI 3.1).
pub fn document() -> Document {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "callgate", description = INTRODUCTION),
    servers((url = "/", description = "The gate that serves this document.")),
    paths(
        agents::delete,
        agents::list,
        agents::put,
        businesses::delete,
        businesses::get,
        businesses::list,
        businesses::put,
        calls::delete,
        calls::events,
        calls::force_end,
        calls::get,
        calls::list,
        calls::post,
        concurrency::events,
        concurrency::status,
        concurrency::summary,
        dashboard::asset,
        dashboard::page,
        debug::get,
        debug::capacity::get,
        debug::journal::get,
        debug::session::get,
        debug::supervisor::get,
        do_not_call::delete,
        do_not_call::put,
        doors::agent,
        doors::demo,
        doors::phone_number,
        events::stream,
        health::live,
        health::ready,
        metrics::get,
        metrics::get_prometheus,
        openapi::get,
        openapi::page::get,
        openapi::page::part,
        overview::get,
        overview::history,
        phone_numbers::delete,
        phone_numbers::list,
        phone_numbers::put,
        pools::get,
        pools::put,
        reconciliations::list,
        reconciliations::post,
        twilio::status,
        twilio::voice,
        webhooks::elevenlabs,
        webhooks::initiation,
    ),
    tags(
        (name = "Calls", description = "Place, watch and end calls."),
        (name = "Test calls", description = "Other doors to the same path: same admission, same answers."),
        (name = "Businesses", description = "The tenants, their agents and numbers, and whom they must not call."),
        (name = "Pool", description = "The cap and the pause, at run time."),
        (name = "Reconciliation", description = "Sweeps: the gate compared with the provider, and corrected."),
        (name = "Webhooks", description = "What the provider and the carrier send. A 2xx means that it is stored."),
        (name = "Watching", description = "Counts, events and metrics."),
        (name = "Debugging", description = "The actors as they are."),
        (name = "Health", description = "For load balancers and orchestrators."),
        (name = "Dashboard", description = "The operator's page."),
        (name = "Documentation", description = "This document."),
    ),
    modifiers(&Shared),
    external_docs(url = "https://www.rfc-editor.org/rfc/rfc9457", description = "Problem details, the form of every error."),
)]
struct Api;

/// What every answer has, and what is referred to from many places.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::new);
        let mut schemas = vec![
            (ProblemDocument::name().into_owned(), <ProblemDocument<'_> as utoipa::PartialSchema>::schema()),
            (ErrorCode::name().into_owned(), <ErrorCode as utoipa::PartialSchema>::schema()),
        ];
        ProblemDocument::schemas(&mut schemas);
        components.schemas.extend(schemas);
        components.responses.extend(anywhere().map(|(name, response)| (name.to_owned(), response.into())));
        components.headers.insert("X-Request-Id".to_owned(), request_id().into());
        for (name, scheme) in schemes() {
            components.add_security_scheme(name, scheme);
        }
        let of_routes = document
            .paths
            .paths
            .values_mut()
            .flat_map(operations)
            .flat_map(|operation| operation.responses.responses.values_mut());
        for response in of_routes.chain(components.responses.values_mut()) {
            if let RefOr::T(response) = response {
                response
                    .headers
                    .insert("X-Request-Id".to_owned(), RefOr::Ref(Ref::new("#/components/headers/X-Request-Id")));
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.put, &mut path.post, &mut path.delete].into_iter().flatten()
}

fn request_id() -> Header {
    HeaderBuilder::new()
        .description(Some("Names the request in events and log lines."))
        .schema(Some(Schema::from(ObjectBuilder::new().schema_type(Type::String).max_length(Some(64)).build())))
        .example(Some(json!("0197c2a0-7b1e-7c3d-8e4f-5a6b7c8d9e0f")))
        .build()
}

/// Every way to say who asks.
fn schemes() -> [(&'static str, SecurityScheme); 5] {
    let bearer = |description: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build())
    };
    let header = |name: &str, description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, description)))
    };
    [
        ("apiKey", bearer("A key of the gate, with the scope `read`, `call` or `admin`.")),
        ("metricsToken", bearer("`metrics.token`, where it is set: then it alone opens the metrics.")),
        (
            "elevenLabsSignature",
            header(
                "ElevenLabs-Signature",
                "`t=SECONDS,v0=HEX`: the HMAC-SHA256 of `SECONDS.BODY` under one of `webhooks.secrets`, in hex.",
            ),
        ),
        ("callgateSecret", header("X-Callgate-Secret", "One of `webhooks.secrets`, as it is.")),
        (
            "twilioSignature",
            header(
                "X-Twilio-Signature",
                "Twilio's signature: the HMAC-SHA1 of the address and the form under the account's token, in base64.",
            ),
        ),
    ]
}
