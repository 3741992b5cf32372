//! `/api/businesses/{businessId}/phone-numbers`: the platform's numbers at the provider.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::businesses::registered;
use super::openapi::problems::{BODY, BUSINESS, KEY, NOT_FOUND, NUMBER, PARAMETERS, SCOPE, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::gate::Refused;
use crate::domain::ids::{AgentId, BusinessId, PhoneNumberId};
use crate::domain::phone::{E164, MaskedNumber};
use crate::store::PhoneNumber;

/// A number of the platform.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PhoneNumberRequest, examples(json!({"phoneNumber": "+14155550199", "agentId": "agent_1"})))]
struct PhoneNumberBody {
    /// E.164, or national with the business's country.
    #[schema(format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$")]
    phone_number: String,
    /// Who talks on it.
    #[serde(default)]
    agent_id: Option<AgentId>,
}

/// A number of the platform, its business and its agent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PhoneNumber, examples(json!({
    "phoneNumberId": "phnum_1", "businessId": "42", "phoneNumber": "+1415•••0199", "agentId": "agent_1"
})))]
struct PhoneNumberView {
    phone_number_id: PhoneNumberId,
    business_id: BusinessId,
    phone_number: MaskedNumber,
    /// Who talks on it.
    #[schema(required)]
    agent_id: Option<AgentId>,
}

/// The numbers of a business.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PhoneNumbers, examples(json!({"phoneNumbers": [
    {"phoneNumberId": "phnum_1", "businessId": "42", "phoneNumber": "+1415•••0199", "agentId": null}
]})))]
struct PhoneNumbersView {
    phone_numbers: Vec<PhoneNumberView>,
}

impl From<PhoneNumber> for PhoneNumberView {
    fn from(number: PhoneNumber) -> Self {
        Self {
            phone_number: MaskedNumber::of(&number.number),
            phone_number_id: number.phone_number_id,
            business_id: number.business_id,
            agent_id: number.agent_id,
        }
    }
}

problems!(
    /// Why a number is not registered.
    NotRegistered: KEY, SCOPE, PARAMETERS, BODY, NUMBER, BUSINESS
);
problems!(
    /// Why numbers are not listed.
    NotListed: KEY, PARAMETERS, BUSINESS
);
problems!(
    /// Why a number is not removed.
    NotRemoved: KEY, SCOPE, PARAMETERS, BUSINESS, NOT_FOUND
);

/// Register a phone number.
#[utoipa::path(
    put,
    path = "/api/businesses/{businessId}/phone-numbers/{phoneNumberId}",
    tag = "Businesses",
    operation_id = "putPhoneNumber",
    params(
        ("businessId" = BusinessId, Path, description = "Whose number it is.", example = "42"),
        ("phoneNumberId" = PhoneNumberId, Path, description = "The number, as the provider names it.", example = "phnum_1"),
    ),
    request_body(content = PhoneNumberBody),
    responses((status = 200, description = "It is registered.", body = PhoneNumberView), NotRegistered),
    security(("apiKey" = ["admin"])),
)]
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
    Ok(HttpResponse::Ok().json(PhoneNumberView::from(row)))
}

/// List the phone numbers of a business.
#[utoipa::path(
    get,
    path = "/api/businesses/{businessId}/phone-numbers",
    tag = "Businesses",
    operation_id = "listPhoneNumbers",
    params(("businessId" = BusinessId, Path, description = "Whose numbers.", example = "42")),
    responses((status = 200, description = "All of them.", body = PhoneNumbersView), NotListed),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    let numbers = state.gate.store().phone_numbers_of(&business.id).await;
    let numbers = numbers.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let phone_numbers = numbers.into_iter().map(PhoneNumberView::from).collect();
    Ok(HttpResponse::Ok().json(PhoneNumbersView { phone_numbers }))
}

/// Remove a phone number.
#[utoipa::path(
    delete,
    path = "/api/businesses/{businessId}/phone-numbers/{phoneNumberId}",
    tag = "Businesses",
    operation_id = "deletePhoneNumber",
    params(
        ("businessId" = BusinessId, Path, description = "Whose number it is.", example = "42"),
        ("phoneNumberId" = PhoneNumberId, Path, description = "The number, as the provider names it.", example = "phnum_1"),
    ),
    responses((status = 204, description = "It is removed."), NotRemoved),
    security(("apiKey" = ["admin"])),
)]
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
