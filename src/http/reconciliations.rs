//! `/api/reconciliations`: run a sweep, read the latest.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::auth::{CanRead, IsAdmin};
use super::call_view::time;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::gate::GateError;
use crate::actors::supervisor::{Reconcile, Scope, SweepError};

/// `POST /api/reconciliations`
pub(super) async fn post(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let asked = Reconcile { scope: Scope::Full, trigger: "request" };
    let report = state.gate.supervisor().send(asked).await;
    match report.unwrap_or(Err(SweepError::Crashed)) {
        Ok(report) => Ok(HttpResponse::Ok().json(report.to_json())),
        Err(error) => Err(Problem::of(&away(error), &state.gate, &request)),
    }
}

/// Which part of the gate a sweep could not do without.
fn away(error: SweepError) -> GateError {
    match error {
        SweepError::Ledger => GateError::LedgerAway,
        SweepError::Store(reason) | SweepError::Provider(reason) => GateError::EventStore(reason),
        SweepError::TooLong | SweepError::Crashed => GateError::EventStore(error.to_string()),
    }
}

/// `GET /api/reconciliations`
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query = request::query(&request, &["limit", "scope"])?;
    let limit = request::limit(query.text("limit"), 20, 200, &request)?;
    let scope = query.value::<Scope>("scope")?;
    let runs = state.gate.store().runs(limit, scope.map(Scope::as_str)).await;
    let runs = runs.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let runs: Vec<Value> = runs
        .into_iter()
        .map(|run| {
            let mut view = run.report;
            if let Some(members) = view.as_object_mut() {
                members.insert("scope".to_owned(), json!(run.scope));
                members.insert("trigger".to_owned(), json!(run.trigger));
                members.insert("node".to_owned(), json!(run.node));
                members.insert("startedAt".to_owned(), json!(time(run.started_at)));
                members.insert("finishedAt".to_owned(), json!(time(run.finished_at)));
            }
            view
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "reconciliations": runs })))
}
