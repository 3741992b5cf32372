//! What the routes are, for programs and for people: `/openapi.json` and `/docs`.
//!
//! The document is made of the handlers' own types and annotations; no text of it is written twice.
//! Both are open without a key: they say nothing about any call.

mod document;
mod names;
pub(super) mod page;
pub(super) mod placing;
pub(super) mod problems;
#[cfg(test)]
mod tests;
mod words;

pub use document::document;
pub(super) use names::BusinessIdOrNumber;
pub(super) use problems::ErrorCode;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use utoipa::openapi::OpenApi;
use utoipa::openapi::server::Server;

use super::state::AppState;

/// The document (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Documentation",
    operation_id = "getOpenApi",
    description = "Every route, with its schemas, errors, headers and examples. What you are reading.",
    responses((status = 200, description = "The document.", body = serde_json::Value, example = json!({"openapi": "3.1.0", "info": {"title": "callgate", "version": "0.1.0"}, "paths": {}}))),
    security(()),
)]
pub(super) async fn get(state: web::Data<AppState>) -> HttpResponse {
    let bytes = state.openapi.get_or_init(|| bytes_of(&at(document(), &state.public_url))).clone();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-cache")).content_type("application/json").body(bytes)
}

/// The document, with the address under which the gate is reached.
fn at(mut document: OpenApi, public_url: &str) -> OpenApi {
    if !public_url.is_empty() {
        document.servers = Some(vec![Server::new(public_url)]);
    }
    document
}

fn bytes_of(document: &OpenApi) -> Bytes {
    serde_json::to_vec(document).expect("the document has no map whose keys are not text").into()
}
