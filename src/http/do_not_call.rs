//! `/api/businesses/{businessId}/do-not-call/{e164}`: whom a business must not call.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::IsAdmin;
use super::businesses::registered;
use super::openapi::problems::{BUSINESS, KEY, NOT_FOUND, NUMBER, PARAMETERS, SCOPE, problems};
use super::problem::Problem;
use super::state::AppState;
use crate::actors::gate::Refused;
use crate::domain::business::Business;
use crate::domain::ids::BusinessId;
use crate::domain::phone::E164;

problems!(
    /// Why a number is not put on the list.
    NotListed: KEY, SCOPE, PARAMETERS, NUMBER, BUSINESS
);
problems!(
    /// Why a number is not taken off the list.
    NotRemoved: KEY, SCOPE, PARAMETERS, NUMBER, BUSINESS, NOT_FOUND
);

async fn entry(path: &(String, String), state: &AppState, request: &HttpRequest) -> Result<(Business, E164), Problem> {
    let business = registered(&path.0, state, request).await?;
    let number = E164::parse(&path.1, business.country.as_deref());
    let number = number.map_err(|_| Problem::refused(Refused::InvalidNumber, &state.gate, request))?;
    Ok((business, number))
}

/// Put a number on the do-not-call list.
#[utoipa::path(
    put,
    path = "/api/businesses/{businessId}/do-not-call/{e164}",
    tag = "Businesses",
    operation_id = "putDoNotCall",
    description = "The next call to it is refused with DO_NOT_CALL_BLOCKED.",
    params(
        ("businessId" = BusinessId, Path, description = "Whose list.", example = "42"),
        ("e164" = String, Path, description = "The number: E.164, or national with the business's country.", format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", example = "+14155550123"),
    ),
    responses((status = 204, description = "It is on the list."), NotListed),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn put(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (business, number) = entry(&path, &state, &request).await?;
    let stored = state.gate.store().put_do_not_call(&business.id, &number).await;
    stored.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    Ok(HttpResponse::NoContent().finish())
}

/// Take a number off the do-not-call list.
#[utoipa::path(
    delete,
    path = "/api/businesses/{businessId}/do-not-call/{e164}",
    tag = "Businesses",
    operation_id = "deleteDoNotCall",
    params(
        ("businessId" = BusinessId, Path, description = "Whose list.", example = "42"),
        ("e164" = String, Path, description = "The number: E.164, or national with the business's country.", format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", example = "+14155550123"),
    ),
    responses((status = 204, description = "It is off the list."), NotRemoved),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn delete(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (business, number) = entry(&path, &state, &request).await?;
    let deleted = state.gate.store().delete_do_not_call(&business.id, &number).await;
    let deleted = deleted.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    if deleted {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found("such number on the list", &request))
    }
}
