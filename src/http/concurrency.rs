//! `/api/concurrent-metrics`: the counts as JSON.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::auth::CanRead;
use super::businesses::percent;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::capacity::Capacity;
use crate::ledger::LedgerMode;
use crate::sources;
use crate::store::StoreError;

/// `GET /api/concurrent-metrics`
pub(super) async fn summary(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(Value::Object(summary_of(&state, state.gate.snapshot().await.as_ref())))
}

fn summary_of(state: &AppState, capacity: Option<&Capacity>) -> Map<String, Value> {
    let occupied = capacity.map(|capacity| capacity.occupied.clone()).unwrap_or_default();
    let mut by_plan: Map<String, Value> =
        state.gate.plans().iter().map(|(name, _)| (name.to_string(), json!(0))).collect();
    for (plan, counts) in &occupied.plans {
        by_plan.insert(plan.to_string(), json!(counts.held));
    }
    let (active, cap) = (occupied.total.held, occupied.cap);
    let rejections = state.gate.metrics().rejections();
    let summary = json!({
        "activeCalls": active,
        "totalRejections": rejections.total,
        "rejectionsByReason": rejections.by_reason,
        "rejectionsByPlan": rejections.by_plan,
        "elevenlabs429Count": state.gate.metrics().elevenlabs_429.get(),
        "globalStatus": {
            "active": active,
            "limit": cap,
            "available": cap.saturating_sub(occupied.total.taken()),
            "utilizationPercent": percent(active, cap),
            "byPlan": by_plan,
        },
    });
    match summary {
        Value::Object(members) => members,
        _ => Map::new(),
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
    let mut status = summary_of(&state, capacity.as_ref());
    let now = sources::now();
    let live = state.gate.store().live_sessions().await.map_err(away)?;
    let calls: Vec<_> = live
        .iter()
        .map(|session| {
            let profile = session.record.profile.as_ref();
            json!({
                "callId": session.call_id,
                "businessId": profile.map(|profile| &profile.business_id),
                "plan": profile.map(|profile| &profile.plan),
                "direction": profile.map(|profile| profile.direction),
                "status": session.record.status,
                "ageSeconds": (now - session.record.announced_at).num_seconds().max(0),
            })
        })
        .collect();
    let cap = capacity.as_ref().map_or(0, |capacity| capacity.occupied.cap);
    let sold = sold(&state, cap).await.map_err(away)?;
    let ratio = if cap == 0 { 0.0 } else { (sold_as_f64(sold) / f64::from(cap) * 100.0).round() / 100.0 };
    let mode = capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode);
    status.insert("calls".to_owned(), json!(calls));
    status.insert("ledgerMode".to_owned(), json!(mode.as_str()));
    status.insert(
        "ledgerEpoch".to_owned(),
        json!(capacity.as_ref().and_then(|capacity| capacity.epoch).map(|epoch| epoch.0)),
    );
    status.insert("overflow".to_owned(), json!(capacity.map_or(0, |capacity| capacity.occupied.total.overflow)));
    status.insert("oversubscription".to_owned(), json!({ "sold": sold, "cap": cap, "ratio": ratio }));
    Ok(HttpResponse::Ok().json(Value::Object(status)))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people; nobody sells 2^52 slots")]
fn sold_as_f64(sold: u64) -> f64 {
    sold as f64
}

/// The slots that all businesses which may call could take together.
async fn sold(state: &AppState, cap: u32) -> Result<u64, StoreError> {
    const PAGE: u64 = 1000;
    let mut sold = 0;
    let mut after = None;
    loop {
        let page = state.gate.store().businesses(after.as_ref(), PAGE).await?;
        let paying = page.iter().filter(|business| business.subscription.permits_calls());
        sold += paying.map(|business| u64::from(business.limit(state.gate.plans(), cap))).sum::<u64>();
        after = page.last().map(|business| business.id.clone());
        if (page.len() as u64) < PAGE {
            return Ok(sold);
        }
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
    let events: Vec<_> = latest.iter().map(super::events::view).collect();
    Ok(HttpResponse::Ok().json(json!({ "events": events })))
}
