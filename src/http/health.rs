//! `/health`: for load balancers and orchestrators.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde_json::json;

use super::state::AppState;
use crate::ledger::LedgerMode;

/// `GET /health/live`: the process runs.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "live" }))
}

/// `GET /health/ready`: whether to send requests here.
pub(super) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let unavailable = |part: &str| {
        HttpResponse::ServiceUnavailable()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(json!({ "status": "unavailable", "part": part }))
    };
    if state.gate.is_draining() {
        return unavailable("draining");
    }
    if state.gate.store().ping().await.is_err() {
        return unavailable("database");
    }
    let capacity = state.gate.snapshot().await;
    if capacity.as_ref().is_some_and(|capacity| capacity.cut_off) {
        return unavailable("redis");
    }
    let mode = capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({
        "status": "ready",
        "mode": mode.as_str(),
        "epoch": capacity.and_then(|capacity| capacity.epoch).map(|epoch| epoch.0),
    }))
}
