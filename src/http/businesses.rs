//! `/api/businesses`: the tenants.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::calls::checked_text;
use super::openapi::problems::{BODY, BUSINESS, KEY, LIVE, PARAMETERS, SCOPE, problems};
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

/// What a business is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = BusinessRequest, examples(json!({
    "name": "Ada Dental", "plan": "PRO", "status": "ACTIVE", "concurrentLimit": null, "inboundEnabled": true, "country": "US"
})))]
struct BusinessBody {
    /// For people.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// One of the configured plans.
    #[schema(value_type = String, format = "plan")]
    plan: PlanName,
    status: Subscription,
    /// Its own limit of calls at once; null: the plan's. 0 switches its calls off.
    #[serde(default, deserialize_with = "body::whole")]
    #[schema(minimum = 0, maximum = 100_000)]
    concurrent_limit: Option<u32>,
    /// Whether it takes inbound calls.
    #[serde(default = "taken")]
    #[schema(default = true)]
    inbound_enabled: bool,
    /// In which country its national numbers are (ISO 3166-1 alpha-2).
    #[serde(default)]
    #[schema(format = "country", pattern = "^[A-Za-z]{2}$")]
    country: Option<String>,
}

/// A business, and how busy it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Business, examples(json!({
    "businessId": "42", "name": "Ada Dental", "plan": "PRO", "status": "ACTIVE", "concurrentLimit": null,
    "inboundEnabled": true, "country": "US", "activeCalls": 1, "limit": 3, "available": 2, "utilizationPercent": 33.3
})))]
struct BusinessView {
    business_id: BusinessId,
    /// For people.
    name: String,
    plan: PlanName,
    status: Subscription,
    /// Its own limit; null: the plan's.
    #[schema(required)]
    concurrent_limit: Option<u32>,
    /// Whether it takes inbound calls.
    inbound_enabled: bool,
    /// ISO 3166-1 alpha-2.
    #[schema(required)]
    country: Option<String>,
    /// Its live calls.
    active_calls: u32,
    /// Its limit, as it applies now.
    limit: u32,
    /// What is left of its limit.
    available: u32,
    /// Live calls in percent of the limit.
    utilization_percent: f64,
}

/// A page of businesses.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Businesses, examples(json!({"businesses": [{
    "businessId": "42", "name": "Ada Dental", "plan": "PRO", "status": "ACTIVE", "concurrentLimit": null,
    "inboundEnabled": true, "country": "US", "activeCalls": 1, "limit": 3, "available": 2, "utilizationPercent": 33.3
}], "nextCursor": null})))]
struct BusinessesView {
    /// In the order of their ids.
    businesses: Vec<BusinessView>,
    /// Sent as `cursor`, it brings the next page; null: there is none.
    #[schema(required)]
    next_cursor: Option<BusinessId>,
}

problems!(
    /// Why a business is not changed.
    NotChanged: KEY, SCOPE, PARAMETERS, BODY
);
problems!(
    /// Why a business is not shown.
    NotShown: KEY, PARAMETERS, BUSINESS
);
problems!(
    /// Why businesses are not listed.
    NotListed: KEY, PARAMETERS
);
problems!(
    /// Why a business is not deleted.
    NotDeleted: KEY, SCOPE, PARAMETERS, BUSINESS, LIVE
);

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

/// Register or change a business.
#[utoipa::path(
    put,
    path = "/api/businesses/{businessId}",
    tag = "Businesses",
    operation_id = "putBusiness",
    description = "The next admission goes by it, on every replica within a second. Live calls are never cut.",
    params(("businessId" = BusinessId, Path, description = "The business.", example = "42")),
    request_body(content = BusinessBody),
    responses(
        (status = 200, description = "It is changed.", body = BusinessView),
        (status = 201, description = "It is registered.", body = BusinessView),
        NotChanged,
    ),
    security(("apiKey" = ["admin"])),
)]
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

/// Show a business.
#[utoipa::path(
    get,
    path = "/api/businesses/{businessId}",
    tag = "Businesses",
    operation_id = "getBusiness",
    params(("businessId" = BusinessId, Path, description = "The business.", example = "42")),
    responses((status = 200, description = "As it is, with its live calls.", body = BusinessView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn get(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    Ok(HttpResponse::Ok().json(view(&business, &state, state.gate.snapshot().await.as_ref())))
}

/// List businesses.
#[utoipa::path(
    get,
    path = "/api/businesses",
    tag = "Businesses",
    operation_id = "listBusinesses",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most; 50 unless said.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<BusinessId>, Query, description = "The `nextCursor` of the page before.", example = "42"),
    ),
    responses((status = 200, description = "A page.", body = BusinessesView), NotListed),
    security(("apiKey" = ["read"])),
)]
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
    let businesses = found.iter().map(|business| view(business, &state, capacity.as_ref())).collect();
    Ok(HttpResponse::Ok().json(BusinessesView { businesses, next_cursor: next }))
}

/// Delete a business.
#[utoipa::path(
    delete,
    path = "/api/businesses/{businessId}",
    tag = "Businesses",
    operation_id = "deleteBusiness",
    description = "With its agents, numbers and do-not-call list. Not while it has live calls.",
    params(("businessId" = BusinessId, Path, description = "The business.", example = "42")),
    responses((status = 204, description = "It is deleted."), NotDeleted),
    security(("apiKey" = ["admin"])),
)]
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

fn view(business: &Business, state: &AppState, capacity: Option<&Capacity>) -> BusinessView {
    let cap = capacity.map_or(0, |capacity| capacity.occupied.cap);
    let counts = capacity.and_then(|capacity| capacity.occupied.businesses.get(&business.id));
    let active = counts.map_or(0, |counts| counts.taken());
    let limit = business.limit(state.gate.plans(), cap);
    BusinessView {
        business_id: business.id.clone(),
        name: business.name.clone(),
        plan: business.plan.clone(),
        status: business.subscription,
        concurrent_limit: business.concurrent_limit,
        inbound_enabled: business.inbound_enabled,
        country: business.country.clone(),
        active_calls: active,
        limit,
        available: limit.saturating_sub(active),
        utilization_percent: percent(active, limit),
    }
}

/// `part` of `whole` in percent, to one decimal; 100 where there is no whole.
pub(super) fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        if part == 0 { 0.0 } else { 100.0 }
    } else {
        (f64::from(part) * 1000.0 / f64::from(whole)).round() / 10.0
    }
}
