//! `/api/concurrent-metrics`: the counts as JSON.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::CanRead;
use super::businesses::percent;
use super::events::FeedEvent;
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
pub(super) struct ConcurrencyStatus {
    #[serde(flatten)]
    summary: ConcurrencySummary,
    /// Every call that is not over, oldest first.
    calls: Vec<LiveCall>,
    /// Where admissions are decided.
    ledger_mode: LedgerModeView,
    /// Higher after each rebuild of the ledger; null while it is not known.
    ledger_epoch: Option<u64>,
    /// Calls that are live without a slot.
    overflow: u32,
    oversubscription: Oversubscribed,
}

/// A call that is not over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiveCall {
    #[schema(value_type = String)]
    call_id: CallId,
    #[schema(value_type = Option<String>)]
    business_id: Option<BusinessId>,
    #[schema(value_type = Option<String>)]
    plan: Option<PlanName>,
    #[schema(value_type = Option<String>)]
    direction: Option<Direction>,
    #[schema(value_type = String)]
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
pub(super) struct LatestEvents {
    events: Vec<FeedEvent>,
}

/// `GET /api/concurrent-metrics`
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

/// `GET /api/concurrent-metrics/status`
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

/// `GET /api/concurrent-metrics/events`
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
