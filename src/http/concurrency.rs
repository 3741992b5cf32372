//! `/api/concurrent-metrics`: the counts as JSON.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::CanRead;
use super::businesses::percent;
use super::events::FeedEvent;
use super::openapi::problems::{KEY, PARAMETERS, problems};
use super::overview::{LedgerModeView, two_decimals};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::capacity::Capacity;
use crate::domain::call::{Direction, Status};
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::domain::oversubscription::{Oversubscription, Sale};
use crate::domain::pool::Pool;
use crate::ledger::LedgerMode;
use crate::sources;
use crate::store::{Session, StoreError};

/// What this replica has refused, and how full the pool is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "activeCalls": 4, "totalRejections": 9, "rejectionsByReason": {"BUSINESS_LIMIT": 9}, "rejectionsByPlan": {"PRO": 9},
    "elevenlabs429Count": 0, "globalStatus": {"active": 4, "limit": 5, "available": 1, "utilizationPercent": 80.0,
        "byPlan": {"ENTERPRISE": 0, "PAYG": 1, "PRO": 3, "STARTER": 0}}
})))]
pub(super) struct ConcurrencySummary {
    /// Slots held in the pool.
    active_calls: u32,
    /// Calls that this replica has refused since it started.
    total_rejections: u64,
    rejections_by_reason: BTreeMap<String, u64>,
    rejections_by_plan: BTreeMap<String, u64>,
    /// Placements that the provider refused with 429.
    #[serde(rename = "elevenlabs429Count")]
    elevenlabs_429_count: u64,
    global_status: GlobalStatus,
}

/// How full the pool is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GlobalStatus {
    /// Slots held.
    active: u32,
    /// The cap; 0 while the ledger has never answered.
    limit: u32,
    /// Slots that are free; overflow takes places, too.
    available: u32,
    /// Slots held, in percent of the cap.
    utilization_percent: f64,
    /// Slots held by plan, also of plans that hold none.
    #[schema(value_type = BTreeMap<String, u32>)]
    by_plan: BTreeMap<PlanName, u32>,
}

/// The counts, and every live call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "activeCalls": 4, "totalRejections": 9, "rejectionsByReason": {"BUSINESS_LIMIT": 9}, "rejectionsByPlan": {"PRO": 9},
    "elevenlabs429Count": 0, "globalStatus": {"active": 4, "limit": 5, "available": 1, "utilizationPercent": 80.0,
        "byPlan": {"ENTERPRISE": 0, "PAYG": 1, "PRO": 3, "STARTER": 0}},
    "calls": [{"callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "businessId": "42", "plan": "PRO", "direction": "outbound",
        "status": "active", "ageSeconds": 12}],
    "ledgerMode": "memory", "ledgerEpoch": 3, "overflow": 0,
    "oversubscription": {"sold": 12, "cap": 5, "ratio": 2.4, "thresholdRatio": 3.0, "exceeded": false}
})))]
pub(super) struct ConcurrencyStatus {
    #[serde(flatten)]
    summary: ConcurrencySummary,
    /// Every call that is not over, oldest first.
    calls: Vec<LiveCall>,
    /// Where admissions are decided.
    #[schema(value_type = LedgerMode)]
    ledger_mode: LedgerModeView,
    /// Higher after each rebuild of the ledger; null while it is not known.
    #[schema(required)]
    ledger_epoch: Option<u64>,
    /// Calls that are live without a slot.
    overflow: u32,
    oversubscription: Oversubscribed,
}

/// A call that is not over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiveCall {
    call_id: CallId,
    #[schema(required)]
    business_id: Option<BusinessId>,
    #[schema(required)]
    plan: Option<PlanName>,
    #[schema(required)]
    direction: Option<Direction>,
    status: Status,
    age_seconds: u64,
}

/// Slots that were sold, against those that there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Oversubscribed {
    /// The sum of the limits of all businesses that may call.
    sold: u64,
    cap: u32,
    /// How many times each slot was sold, to two decimals.
    ratio: f64,
    /// The ratio above which callgate warns; 0: never.
    threshold_ratio: f64,
    /// Whether more was sold than that.
    exceeded: bool,
}

/// The latest events of all calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"events": [{
    "position": 12, "callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "sequence": 3, "type": "CallPlaced", "schemaVersion": 1,
    "occurredAt": "2026-01-27T10:00:00.000Z", "recordedAt": "2026-01-27T10:00:00.004Z", "data": {}
}]})))]
pub(super) struct LatestEvents {
    events: Vec<FeedEvent>,
}

problems!(
    /// Why the counts are not shown.
    NotShown: KEY
);
problems!(
    /// Why events are not listed.
    NotListed: KEY, PARAMETERS
);

/// Show the counts.
#[utoipa::path(
    get,
    path = "/api/concurrent-metrics",
    tag = "Watching",
    operation_id = "getConcurrency",
    responses((status = 200, description = "What was refused, and how full the pool is.", body = ConcurrencySummary), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn summary(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(summary_of(&state, state.gate.snapshot().await.as_ref()))
}

fn summary_of(state: &AppState, capacity: Option<&Capacity>) -> ConcurrencySummary {
    let occupied = capacity.map(|capacity| capacity.occupied.clone()).unwrap_or_default();
    let mut by_plan: BTreeMap<PlanName, u32> = state.gate.plans().iter().map(|(name, _)| (name.clone(), 0)).collect();
    by_plan.extend(occupied.plans.iter().map(|(plan, counts)| (plan.clone(), counts.held)));
    let (active, cap) = (occupied.total.held, occupied.cap);
    let rejections = state.gate.metrics().rejections();
    ConcurrencySummary {
        active_calls: active,
        total_rejections: rejections.total,
        rejections_by_reason: rejections.by_reason,
        rejections_by_plan: rejections.by_plan,
        elevenlabs_429_count: state.gate.metrics().elevenlabs_429.get(),
        global_status: GlobalStatus {
            active,
            limit: cap,
            available: cap.saturating_sub(occupied.total.taken()),
            utilization_percent: percent(active, cap),
            by_plan,
        },
    }
}

/// Show the counts and every live call.
#[utoipa::path(
    get,
    path = "/api/concurrent-metrics/status",
    tag = "Watching",
    operation_id = "getConcurrencyStatus",
    responses((status = 200, description = "As they are now.", body = ConcurrencyStatus), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn status(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let away = |error: StoreError| Problem::store(&error, &state.gate, &request);
    let capacity = state.gate.snapshot().await;
    let now = sources::now();
    let live = state.gate.store().live_sessions().await.map_err(away)?;
    let sales = state.gate.cache().sales().await.map_err(away)?;
    let pool = state.watchtower.lookout().pool_by(capacity.as_ref());
    let call = |session: Session| {
        let (business_id, plan, direction) = session
            .record
            .profile
            .map(|profile| (profile.business_id, profile.plan, profile.direction))
            .map_or((None, None, None), |(business, plan, direction)| (Some(business), Some(plan), Some(direction)));
        LiveCall {
            call_id: session.call_id,
            business_id,
            plan,
            direction,
            status: session.record.status,
            age_seconds: u64::try_from((now - session.record.announced_at).num_seconds()).unwrap_or(0),
        }
    };
    Ok(HttpResponse::Ok().json(ConcurrencyStatus {
        summary: summary_of(&state, capacity.as_ref()),
        calls: live.into_iter().map(call).collect(),
        ledger_mode: capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode).into(),
        ledger_epoch: capacity.as_ref().and_then(|capacity| capacity.epoch).map(|epoch| epoch.0),
        overflow: capacity.map_or(0, |capacity| capacity.occupied.total.overflow),
        oversubscription: oversubscribed(&state, &pool, &sales),
    }))
}

fn oversubscribed(state: &AppState, pool: &Pool, sales: &[Sale]) -> Oversubscribed {
    let threshold = state.watchtower.lookout().threshold();
    let sold = Oversubscription::of(sales, state.gate.plans(), pool.cap);
    Oversubscribed {
        sold: sold.sold(),
        cap: sold.cap(),
        ratio: two_decimals(sold.ratio()),
        threshold_ratio: threshold.ratio(),
        exceeded: threshold.is_exceeded_by(&sold),
    }
}

/// List the latest events of all calls.
#[utoipa::path(
    get,
    path = "/api/concurrent-metrics/events",
    tag = "Watching",
    operation_id = "listLatestEvents",
    params(("limit" = Option<u32>, Query, description = "How many at most; 20 unless said.", minimum = 1, maximum = 500, example = 20)),
    responses((status = 200, description = "Newest first.", body = LatestEvents), NotListed),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn events(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query = request::query(&request, &["limit"])?;
    let limit = request::limit(query.text("limit"), 20, 500, &request)?;
    let latest = state.gate.store().latest_events(limit).await;
    let latest = latest.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    Ok(HttpResponse::Ok().json(LatestEvents { events: latest.into_iter().map(FeedEvent::from).collect() }))
}
