//! `/api/businesses/{businessId}/do-not-call/{e164}`: whom a business must not call.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::IsAdmin;
use super::businesses::registered;
use super::problem::Problem;
use super::state::AppState;
use crate::actors::gate::Refused;
use crate::domain::business::Business;
use crate::domain::phone::E164;

async fn entry(path: &(String, String), state: &AppState, request: &HttpRequest) -> Result<(Business, E164), Problem> {
    let business = registered(&path.0, state, request).await?;
    let number = E164::parse(&path.1, business.country.as_deref());
    let number = number.map_err(|_| Problem::refused(Refused::InvalidNumber, &state.gate, request))?;
    Ok((business, number))
}

/// `PUT /api/businesses/{businessId}/do-not-call/{e164}`
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

/// `DELETE /api/businesses/{businessId}/do-not-call/{e164}`
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
