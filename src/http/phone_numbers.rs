//! `/api/businesses/{businessId}/phone-numbers`: the platform's numbers at the provider.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::businesses::registered;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::gate::Refused;
use crate::domain::ids::AgentId;
use crate::domain::phone::{E164, MaskedNumber};
use crate::store::PhoneNumber;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PhoneNumberBody {
    phone_number: String,
    #[serde(default)]
    agent_id: Option<AgentId>,
}

fn view(number: &PhoneNumber) -> Value {
    json!({
        "phoneNumberId": number.phone_number_id,
        "businessId": number.business_id,
        "phoneNumber": MaskedNumber::of(&number.number),
        "agentId": number.agent_id,
    })
}

/// `PUT /api/businesses/{businessId}/phone-numbers/{phoneNumberId}`
pub(super) async fn put(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (asked, _): (PhoneNumberBody, String) = body::json(payload, &request).await?;
    let business = registered(&path.0, &state, &request).await?;
    let number = E164::parse(&asked.phone_number, business.country.as_deref());
    let number = number.map_err(|_| Problem::refused(Refused::InvalidNumber, &state.gate, &request))?;
    let row = PhoneNumber {
        phone_number_id: request::name(&path.1, &request)?,
        business_id: business.id,
        number: number.expose().to_owned(),
        agent_id: asked.agent_id,
    };
    let stored = state.gate.store().put_phone_number(&row).await;
    stored.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    Ok(HttpResponse::Ok().json(view(&row)))
}

/// `GET /api/businesses/{businessId}/phone-numbers`
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    let numbers = state.gate.store().phone_numbers_of(&business.id).await;
    let numbers = numbers.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let views: Vec<_> = numbers.iter().map(view).collect();
    Ok(HttpResponse::Ok().json(json!({ "phoneNumbers": views })))
}

/// `DELETE /api/businesses/{businessId}/phone-numbers/{phoneNumberId}`
pub(super) async fn delete(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path.0, &state, &request).await?;
    let deleted = state.gate.store().delete_phone_number(&business.id, &request::name(&path.1, &request)?).await;
    let deleted = deleted.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    if deleted {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found("phone number of that id", &request))
    }
}
