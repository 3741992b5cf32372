//! `/docs`: the document for people, shown by Swagger UI, which is compiled in. The page asks nobody outside.
//!
//! Links are relative, so that the page works behind `server.public_url` with a path.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::problems::{NOT_FOUND, problems};
use crate::http::problem::Problem;

/// Swagger UI sets styles on elements; scripts come from the gate alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The parts of Swagger UI that the page needs.
const PARTS: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

problems!(
    /// What is not a part of the page.
    NoPart: NOT_FOUND
);

fn told(media_type: &str, bytes: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .content_type(media_type)
        .body(bytes)
}

/// The documentation page.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Documentation",
    operation_id = "getDocs",
    description = "The document for people: Swagger UI, served by the gate itself.",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    security(()),
)]
pub(in crate::http) async fn get() -> HttpResponse {
    told("text/html; charset=utf-8", Bytes::from_static(include_bytes!("page/index.html")))
}

/// A part of the documentation page.
#[utoipa::path(
    get,
    path = "/docs/{part}",
    tag = "Documentation",
    operation_id = "getDocsPart",
    description = "Scripts, styles and pictures of the page.",
    params(("part" = String, Path, description = "A file of the page.", example = "start.js")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/javascript"),
            (String = "text/css"),
            (String = "image/png"),
        )),
        NoPart,
    ),
    security(()),
)]
pub(in crate::http) async fn part(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    if path.as_str() == "start.js" {
        return Ok(told("text/javascript", Bytes::from_static(include_bytes!("page/start.js"))));
    }
    let found = PARTS.iter().find(|part| **part == path.as_str()).and_then(|part| vendored(part));
    let (media_type, bytes) = found.ok_or_else(|| Problem::not_found("such part of the page", &request))?;
    Ok(told(&media_type, bytes))
}

/// A file of Swagger UI, and its media type.
fn vendored(name: &str) -> Option<(String, Bytes)> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::<'static>::from("openapi.json"))).ok()??;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some((file.content_type, bytes))
}
