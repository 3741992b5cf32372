//! `/metrics`: OpenMetrics text. Gauges are set from the ledger and the table when somebody looks.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::auth::{bearer, require};
use super::openapi::problems::{KEY, problems};
use super::overview::{Figures, Lookout};
use super::problem::Problem;
use super::state::AppState;
use crate::actors::Gate;
use crate::actors::capacity::Capacity;
use crate::domain::call::Status;
use crate::ledger::{Counts, LedgerMode};
use crate::store::{Scope, Store, StoreError};
use crate::telemetry::metrics::CONTENT_TYPE;

/// A scrape does not wait longer than this for what is away.
const PATIENCE: Duration = Duration::from_secs(2);

problems!(
    /// Why the metrics are not shown.
    NotShown: KEY
);

/// Show the metrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Watching",
    operation_id = "getMetrics",
    description = "OpenMetrics text. Counters count what this replica did; gauges of slots show the pool.",
    responses((status = 200, description = "Every metric.", body = String, content_type = "application/openmetrics-text"), NotShown),
    security(("apiKey" = ["read"]), ("metricsToken" = [])),
)]
pub(super) async fn get(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    show(&request, &state).await
}

/// Show the metrics, at the other path.
#[utoipa::path(
    get,
    path = "/api/concurrent-metrics/prometheus",
    tag = "Watching",
    operation_id = "getPrometheusMetrics",
    description = "The same as `/metrics`.",
    responses((status = 200, description = "Every metric.", body = String, content_type = "application/openmetrics-text"), NotShown),
    security(("apiKey" = ["read"]), ("metricsToken" = [])),
)]
pub(super) async fn get_prometheus(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    show(&request, &state).await
}

async fn show(request: &HttpRequest, state: &AppState) -> Result<HttpResponse, Problem> {
    match &state.metrics_token {
        Some(token) if bearer(request).is_some_and(|key| bool::from(key.as_bytes().ct_eq(token.as_bytes()))) => {}
        Some(_) => {
            let detail = "send the metrics token as Authorization: Bearer TOKEN";
            return Err(Problem::new("UNAUTHORIZED", detail, request));
        }
        None => {
            require(request, Scope::Read).await?;
        }
    }
    tokio::join!(observe(&state.gate), observe_sales(state.watchtower.lookout()));
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(state.gate.metrics().encode()))
}

/// Sets the gauges to what is so now. What a part that is away would say stays as it was.
async fn observe(gate: &Gate) {
    let (capacity, asked) = tokio::join!(gate.snapshot(), tokio::time::timeout(PATIENCE, ask(gate.store())));
    show_capacity(gate, capacity);
    let metrics = gate.metrics();
    metrics.sessions_live.set(i64::try_from(gate.directory().counts().0).unwrap_or(i64::MAX));
    let Ok(Ok(seen)) = asked else {
        metrics.database_up.set(0);
        return;
    };
    metrics.database_up.set(1);
    for status in Status::ALL.iter().filter(|status| status.is_live()) {
        let calls = seen.live.iter().find(|(other, _)| other == status).map_or(0, |(_, calls)| *calls);
        metrics.set_calls(status.as_str(), i64::try_from(calls).unwrap_or(i64::MAX));
    }
    metrics.stuck_terminations.set(i64::try_from(seen.stalled).unwrap_or(i64::MAX));
    if let Some(at) = seen.last_full_sweep {
        metrics.set_last_full_sweep(at);
    }
}

/// What only the database knows of all replicas.
struct Seen {
    live: Vec<(Status, u64)>,
    stalled: u64,
    last_full_sweep: Option<DateTime<Utc>>,
}

async fn ask(store: &Store) -> Result<Seen, StoreError> {
    let live = store.count_live_by_status().await?;
    let stalled = store.count_stalled().await?;
    let last_full_sweep = store.last_full_sweep().await?;
    Ok(Seen { live, stalled, last_full_sweep })
}

fn show_capacity(gate: &Gate, capacity: Option<Capacity>) {
    let metrics = gate.metrics();
    let Some(capacity) = capacity else { return metrics.set_ledger_mode(LedgerMode::Recovering.as_str()) };
    let occupied = &capacity.occupied;
    metrics.platform_global_active_calls.set(i64::from(occupied.total.held));
    metrics.slots_overflow.set(i64::from(occupied.total.overflow));
    metrics.slots_cap.set(i64::from(occupied.cap));
    metrics.pool_paused.set(i64::from(occupied.paused));
    if let Some(epoch) = capacity.epoch {
        metrics.ledger_epoch.set(i64::try_from(epoch.0).unwrap_or(i64::MAX));
    }
    metrics.set_ledger_mode(capacity.mode.as_str());
    let plans = gate.plans().iter().map(|(name, _)| name).chain(occupied.plans.keys());
    for plan in plans {
        let Counts { held, .. } = occupied.plans.get(plan).copied().unwrap_or_default();
        metrics.set_slots_held(plan.as_str(), held);
        metrics.set_slots_reserved(plan.as_str(), occupied.reserves.get(plan).copied().unwrap_or_default());
    }
}

/// Sets the gauges of what was sold, as far as the ledger and the database answer.
async fn observe_sales(lookout: &Lookout) {
    let metrics = lookout.gate().metrics();
    metrics.oversubscription_threshold_ratio.set(lookout.threshold().ratio());
    let deadline = Instant::now() + PATIENCE;
    let seen = lookout.ledger(deadline).await;
    let sales = lookout.sales(deadline).await;
    let callers = lookout.callers(seen.occupied(), deadline).await;
    let figures = Figures {
        occupied: seen.occupied(),
        pool: &seen.pool,
        plans: lookout.gate().plans(),
        sales: sales.as_deref(),
        callers: callers.as_ref(),
    };
    if let Some(sold) = figures.sold() {
        metrics.oversubscription_ratio.set(sold.ratio());
        metrics.set_slots_sold(sold.plans().iter().map(|(plan, of_plan)| (plan.as_str(), of_plan.slots)));
    }
    if let Some(businesses) = figures.at_limit() {
        metrics.businesses_at_limit.set(i64::try_from(businesses).unwrap_or(i64::MAX));
    }
}
