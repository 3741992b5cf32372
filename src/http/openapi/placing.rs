//! What every door that places calls has in common: its headers, and the answers where a call exists.

use std::collections::BTreeMap;

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

/// Headers of a request to place a call.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "headers are read where they are needed")]
pub(in crate::http) struct PlacingHeaders {
    /// The same key and the same body again: the call that there is, and nothing is dialled. After a 503 the same key may
    /// be tried again.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "order-4711"
    )]
    idempotency_key: Option<String>,
    /// `respond-async` (RFC 7240): answer 202 right after the admission, before the provider has dialled.
    #[param(rename = "Prefer", example = "respond-async")]
    prefer: Option<String>,
}

/// The answers where a call exists.
pub(in crate::http) enum Placed {}

impl IntoResponses for Placed {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let placed = answer("The provider has dialled.");
        let replayed = answer("The call that the same key and body made before, as it is now. Nothing was dialled.")
            .header("Idempotent-Replayed", text("Always `true` here.", "true"));
        let admitted = answer(
            "It is admitted, and is being placed: asked for with `Prefer: respond-async`, or the same key is at work.",
        )
        .header("Preference-Applied", text("Where `Prefer: respond-async` was sent.", "respond-async"))
        .header("Idempotent-Replayed", text("`true` where an earlier request of the same key made it.", "true"));
        [("200", replayed), ("201", placed), ("202", admitted)]
            .map(|(status, response)| (status.to_owned(), response.build().into()))
            .into()
    }
}

fn answer(description: &str) -> ResponseBuilder {
    let call = ContentBuilder::new().schema(Some(Ref::from_schema_name("Call"))).build();
    let next = [
        ("GetCall", "getCall"),
        ("ListCallEvents", "listCallEvents"),
        ("HangUpCall", "hangUpCall"),
        ("ForceEndCall", "forceEndCall"),
    ];
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/json", call)
        .header("Location", text("Where the call is.", "/api/calls/01974a5c-9e10-7c3d-8b6f-2d415e7a9c03"));
    next.into_iter().fold(response, |response, (name, operation)| response.link(name, link(operation)))
}

fn link(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("callId", "$response.body#/callId").build()
}

fn text(description: &str, example: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(Schema::from(ObjectBuilder::new().schema_type(Type::String).build())))
        .description(Some(description))
        .example(Some(example.into()))
        .build()
}
