//! `/api/businesses`: the tenants.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::calls::checked_text;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::capacity::Capacity;
use crate::actors::gate::Refused;
use crate::domain::business::{Business, Subscription};
use crate::domain::ids::{BusinessId, PlanName};
use crate::domain::phone::is_country;
use crate::store::StoreError;

/// Larger limits than any provider sells.
const LARGEST_LIMIT: u32 = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BusinessBody {
    name: String,
    plan: PlanName,
    status: Subscription,
    #[serde(default)]
    concurrent_limit: Option<u32>,
    #[serde(default = "taken")]
    inbound_enabled: bool,
    #[serde(default)]
    country: Option<String>,
}

fn taken() -> bool {
    true
}

/// The business in the path, which must be registered.
pub(super) async fn registered(text: &str, state: &AppState, request: &HttpRequest) -> Result<Business, Problem> {
    let id: BusinessId = request::name(text, request)?;
    let business =
        state.gate.store().business(&id).await.map_err(|error| Problem::store(&error, &state.gate, request))?;
    business.ok_or_else(|| Problem::refused(Refused::UnknownBusiness, &state.gate, request))
}

/// `PUT /api/businesses/{businessId}`
pub(super) async fn put(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id: BusinessId = request::name(&path, &request)?;
    let (asked, _): (BusinessBody, String) = body::json(payload, &request).await?;
    if id == BusinessId::demo() || id == BusinessId::unassigned() {
        return Err(Problem::invalid(format!("businessId: {id} is reserved by callgate"), &request));
    }
    if state.gate.plans().get(&asked.plan).is_none() {
        let plans = state.gate.plans().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Problem::invalid(format!("plan: {} is not offered; offered are: {plans}", asked.plan), &request));
    }
    if asked.concurrent_limit.is_some_and(|limit| limit > LARGEST_LIMIT) {
        let detail = format!("concurrentLimit is null or a whole number from 0 to {LARGEST_LIMIT}");
        return Err(Problem::invalid(detail, &request));
    }
    if asked.country.as_ref().is_some_and(|country| !is_country(country)) {
        return Err(Problem::invalid("country is two letters (ISO 3166-1), for example US", &request));
    }
    let business = Business {
        id,
        name: checked_text("name", Some(asked.name), 200, &request)?.unwrap_or_default(),
        plan: asked.plan,
        subscription: asked.status,
        concurrent_limit: asked.concurrent_limit,
        inbound_enabled: asked.inbound_enabled,
        country: asked.country.map(|country| country.to_ascii_uppercase()),
    };
    let is_new = state.gate.store().put_business(&business).await;
    let is_new = is_new.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    let view = view(&business, &state, state.gate.snapshot().await.as_ref());
    Ok(if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }.json(view))
}

/// `GET /api/businesses/{businessId}`
pub(super) async fn get(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    Ok(HttpResponse::Ok().json(view(&business, &state, state.gate.snapshot().await.as_ref())))
}

/// `GET /api/businesses`
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query = request::query(&request, &["limit", "cursor"])?;
    let limit = request::limit(query.text("limit"), 50, 500, &request)?;
    let after: Option<BusinessId> = query.value("cursor")?;
    let found = state.gate.store().businesses(after.as_ref(), limit + 1).await;
    let mut found = found.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let capacity = state.gate.snapshot().await;
    let views: Vec<_> = found.iter().map(|business| view(business, &state, capacity.as_ref())).collect();
    Ok(HttpResponse::Ok().json(json!({ "businesses": views, "nextCursor": next })))
}

/// `DELETE /api/businesses/{businessId}`
pub(super) async fn delete(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let away = |error: StoreError| Problem::store(&error, &state.gate, &request);
    let business = registered(&path, &state, &request).await?;
    let live = state.gate.store().count_live_of(&business.id).await.map_err(away)?;
    if live > 0 {
        return Err(Problem::new("CALLS_LIVE", format!("{live} calls of the business are live"), &request));
    }
    state.gate.store().delete_business(&business.id).await.map_err(away)?;
    state.gate.cache().forget();
    Ok(HttpResponse::NoContent().finish())
}

fn view(business: &Business, state: &AppState, capacity: Option<&Capacity>) -> Value {
    let cap = capacity.map_or(0, |capacity| capacity.occupied.cap);
    let counts = capacity.and_then(|capacity| capacity.occupied.businesses.get(&business.id));
    let active = counts.map_or(0, |counts| counts.taken());
    let limit = business.limit(state.gate.plans(), cap);
    json!({
        "businessId": business.id,
        "name": business.name,
        "plan": business.plan,
        "status": business.subscription,
        "concurrentLimit": business.concurrent_limit,
        "inboundEnabled": business.inbound_enabled,
        "country": business.country,
        "activeCalls": active,
        "limit": limit,
        "available": limit.saturating_sub(active),
        "utilizationPercent": percent(active, limit),
    })
}

/// `part` of `whole` in percent, to one decimal; 100 where there is no whole.
pub(super) fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        if part == 0 { 0.0 } else { 100.0 }
    } else {
        (f64::from(part) * 1000.0 / f64::from(whole)).round() / 10.0
    }
}
