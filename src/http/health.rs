//! `/health`: for load balancers and orchestrators.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::state::AppState;
use crate::ledger::LedgerMode;

/// How the process is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Live,
    Ready,
    Unavailable,
}

/// The process runs.
#[derive(Serialize, ToSchema)]
#[schema(as = Live, examples(json!({"status": "live"})))]
struct LiveView {
    status: Condition,
}

/// Whether to send requests here.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready, examples(json!({"status": "ready", "mode": "memory", "epoch": 3})))]
struct ReadyView {
    status: Condition,
    /// Where admissions are decided. While it is `recovering`, new calls are refused with 503.
    #[schema(value_type = LedgerMode)]
    mode: &'static str,
    /// The epoch of the ledger; null while it is not known.
    #[schema(required)]
    epoch: Option<u64>,
}

/// What is not there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// The replica itself: it is stopping.
    Draining,
    /// The database does not answer.
    Database,
    /// This replica alone does not reach Redis.
    Redis,
}

/// Why not to send requests here.
#[derive(Serialize, ToSchema)]
#[schema(as = NotReady, examples(json!({"status": "unavailable", "part": "database"})))]
struct NotReadyView {
    status: Condition,
    part: Part,
}

/// Say that the process runs.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "Health",
    operation_id = "getLive",
    responses((
        status = 200, description = "It runs.", body = LiveView,
        headers(("Cache-Control" = String, description = "`no-store`")),
    )),
    security(()),
)]
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(LiveView { status: Condition::Live })
}

/// Say whether to send requests here.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "Health",
    operation_id = "getReady",
    responses(
        (
            status = 200, description = "Send requests here.", body = ReadyView,
            headers(("Cache-Control" = String, description = "`no-store`")),
        ),
        (
            status = 503, description = "Send them elsewhere; no problem document.", body = NotReadyView,
            headers(("Cache-Control" = String, description = "`no-store`")),
        ),
    ),
    security(()),
)]
pub(super) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let unavailable = |part| {
        HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(NotReadyView { status: Condition::Unavailable, part })
    };
    if state.gate.is_draining() {
        return unavailable(Part::Draining);
    }
    if state.gate.store().ping().await.is_err() {
        return unavailable(Part::Database);
    }
    let capacity = state.gate.snapshot().await;
    if capacity.as_ref().is_some_and(|capacity| capacity.cut_off) {
        return unavailable(Part::Redis);
    }
    let mode = capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(ReadyView {
        status: Condition::Ready,
        mode: mode.as_str(),
        epoch: capacity.and_then(|capacity| capacity.epoch).map(|epoch| epoch.0),
    })
}
