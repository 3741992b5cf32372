//! `/` and `/assets/…`: the operator's page. It is open, because it holds no figures; it asks the API for them.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EntityTag, Header, IfNoneMatch, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};

use super::openapi::problems::{NOT_FOUND, problems};
use super::problem::Problem;
use crate::dashboard::{self, Asset};

/// Only what this gate serves is loaded and asked; no frame, no form that sends, no script in a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

problems!(
    /// What is not a part of the page.
    NoAsset: NOT_FOUND
);

/// The operator's page.
#[utoipa::path(
    get,
    path = "/",
    tag = "Dashboard",
    operation_id = "getDashboard",
    description = "It holds no figures; it asks the API for them, with the key that is typed in.",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` that the browser has.", example = json!("\"0\""))),
    responses(
        (
            status = 200, description = "The page.", body = String, content_type = "text/html",
            headers(("ETag" = String, description = "Changes with the page.")),
        ),
        (status = 304, description = "The browser has it.", headers(("ETag" = String, description = "The same."))),
    ),
    security(()),
)]
pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    answer(dashboard::page(), &request)
}

/// A part of the operator's page.
#[utoipa::path(
    get,
    path = "/assets/{path}",
    tag = "Dashboard",
    operation_id = "getDashboardAsset",
    description = "Scripts, styles and pictures.",
    params(
        ("path" = String, Path, description = "A file of the page; it may be in a folder.", example = "app.js"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the browser has.", example = json!("\"0\"")),
    ),
    responses(
        (
            status = 200, description = "The file.",
            content((String = "text/html"), (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"), (String = "text/plain")),
            headers(("ETag" = String, description = "Changes with the file.")),
        ),
        (status = 304, description = "The browser has it.", headers(("ETag" = String, description = "The same."))),
        NoAsset,
    ),
    security(()),
)]
pub(super) async fn asset(request: HttpRequest, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let asset = dashboard::asset(&path).ok_or_else(|| Problem::not_found("file of that name", &request))?;
    Ok(answer(asset, &request))
}

fn answer(asset: &'static Asset, request: &HttpRequest) -> HttpResponse {
    let mut response = if is_known(asset, request) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, asset.etag.as_str()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if is_known(asset, request) {
        return response.finish();
    }
    response.content_type(asset.media_type).body(asset.bytes)
}

/// Whether the browser has this very file (RFC 9110, 13.1.2).
fn is_known(asset: &Asset, request: &HttpRequest) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => {
            let own = EntityTag::new_strong(asset.etag.trim_matches('"').to_owned());
            tags.iter().any(|tag| tag.weak_eq(&own))
        }
        Err(_) => false,
    }
}
