//! `/api/reconciliations`: run a sweep, read the latest.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::{CanRead, IsAdmin};
use super::call_view::Time;
use super::openapi::problems::{KEY, LEDGER, PARAMETERS, SCOPE, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::gate::GateError;
use crate::actors::supervisor::{Reconcile, Scope, SweepError};
use crate::store::Run;

/// A call that a sweep changed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Correction)]
struct CorrectionView {
    /// The call.
    #[schema(format = "uuid")]
    call_id: String,
    /// Why it was changed.
    reason: String,
}

/// What a sweep found and did.
///
/// It is stored as JSON: what an older version did not write is zero or empty.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SweepReport, examples(json!({
    "success": true, "cleaned": 1, "restored": 0, "durationMs": 33, "activeSessionsCount": 4, "ledgerActiveCount": 4,
    "stuckInDb": 1, "stuckInLedger": 0,
    "corrections": [{"callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "reason": "provider_ended"}],
    "moreCorrections": 0, "providerListed": 4, "providerCount": 4, "inDoubt": 0, "unanswered": []
})))]
pub(super) struct ReportView {
    /// Whether every view answered.
    #[serde(default)]
    #[schema(required)]
    success: bool,
    /// Calls that were ended and slots that were freed.
    #[serde(default)]
    #[schema(required)]
    cleaned: u32,
    /// Slots that were put back, and calls that turned out to be live.
    #[serde(default)]
    #[schema(required)]
    restored: u32,
    /// How long it took.
    #[serde(default)]
    #[schema(required)]
    duration_ms: u64,
    /// Live calls by the table, afterwards.
    #[serde(default)]
    #[schema(required)]
    active_sessions_count: usize,
    /// Holders by the ledger, afterwards.
    #[serde(default)]
    #[schema(required)]
    ledger_active_count: usize,
    /// Live by the table, but not at the provider.
    #[serde(default)]
    #[schema(required)]
    stuck_in_db: u32,
    /// In the ledger, but not live by the table.
    #[serde(default)]
    #[schema(required)]
    stuck_in_ledger: u32,
    /// Each call that was changed; the first ten thousand.
    #[serde(default)]
    #[schema(required)]
    corrections: Vec<CorrectionView>,
    /// Calls that were changed beyond those.
    #[serde(default)]
    #[schema(required)]
    more_corrections: u32,
    /// Live conversations by the provider's list; null where it was not read.
    #[serde(default)]
    #[schema(required)]
    provider_listed: Option<usize>,
    /// The same by the provider's count.
    #[serde(default)]
    #[schema(required)]
    provider_count: Option<u64>,
    /// Calls of which only the provider can tell what they are, afterwards.
    #[serde(default)]
    #[schema(required)]
    in_doubt: usize,
    /// What did not answer.
    #[serde(default)]
    #[schema(required)]
    unanswered: Vec<String>,
}

impl ReportView {
    /// A report as it is stored.
    pub(super) fn of(stored: Value) -> Self {
        serde_json::from_value(stored).unwrap_or_default()
    }
}

/// A sweep that was run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sweep)]
struct RunView {
    #[serde(flatten)]
    report: ReportView,
    /// Which views were compared.
    #[schema(value_type = Scope)]
    scope: String,
    /// `start`, `interval`, `demand`, `doubt`, `request` or `command`.
    trigger: String,
    /// The replica that swept.
    node: String,
    started_at: Time,
    finished_at: Time,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            report: ReportView::of(run.report),
            scope: run.scope,
            trigger: run.trigger,
            node: run.node,
            started_at: Time(run.started_at),
            finished_at: Time(run.finished_at),
        }
    }
}

/// The latest sweeps.
#[derive(Serialize, ToSchema)]
#[schema(as = Sweeps, examples(json!({"reconciliations": [{
    "success": true, "cleaned": 0, "restored": 0, "durationMs": 33, "activeSessionsCount": 4, "ledgerActiveCount": 4,
    "stuckInDb": 0, "stuckInLedger": 0, "corrections": [], "moreCorrections": 0, "providerListed": 4, "providerCount": 4,
    "inDoubt": 0, "unanswered": [], "scope": "full", "trigger": "interval", "node": "node-1",
    "startedAt": "2026-01-27T10:00:00.000Z", "finishedAt": "2026-01-27T10:00:00.033Z"
}]})))]
struct RunsView {
    /// Newest first.
    reconciliations: Vec<RunView>,
}

problems!(
    /// Why no sweep was run.
    NotSwept: KEY, SCOPE, LEDGER
);
problems!(
    /// Why sweeps are not listed.
    NotListed: KEY, PARAMETERS
);

/// Run a sweep.
#[utoipa::path(
    post,
    path = "/api/reconciliations",
    tag = "Reconciliation",
    operation_id = "runReconciliation",
    description = "Compares ledger, table and provider, corrects what differs, and answers when that is done. \
                   `success` is false where one of them did not answer.",
    responses((status = 200, description = "What was found and done.", body = ReportView), NotSwept),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn post(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let asked = Reconcile { scope: Scope::Full, trigger: "request" };
    let report = state.gate.supervisor().send(asked).await;
    match report.unwrap_or(Err(SweepError::Crashed)) {
        Ok(report) => Ok(HttpResponse::Ok().json(ReportView::of(report.to_json()))),
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

/// List the latest sweeps.
#[utoipa::path(
    get,
    path = "/api/reconciliations",
    tag = "Reconciliation",
    operation_id = "listReconciliations",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most; 20 unless said.", minimum = 1, maximum = 200, example = 20),
        ("scope" = Option<Scope>, Query, description = "Only sweeps that compared these views.", example = "full"),
    ),
    responses((status = 200, description = "The latest, of all replicas.", body = RunsView), NotListed),
    security(("apiKey" = ["read"])),
)]
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
    let reconciliations = runs.into_iter().map(RunView::from).collect();
    Ok(HttpResponse::Ok().json(RunsView { reconciliations }))
}
