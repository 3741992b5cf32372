//! The actor that sweeps and restarts: its sweeps, every actor's restarts, and how patient the watch over them is.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActorView, CrashView, NotShown, PATIENCE, line};
use crate::actors::pulse::WatchLimits;
use crate::actors::roster::{ActorState, ActorStatus};
use crate::actors::supervisor;
use crate::actors::supervisor::LastSweep;
use crate::actors::sweeper::Sweeper;
use crate::domain::ids::CallId;
use crate::http::auth::CanRead;
use crate::http::call_view::Time;
use crate::http::reconciliations::ReportView;
use crate::http::state::AppState;
use crate::sources;

/// How often an actor may crash.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RestartLimits)]
struct LimitsView {
    /// At most so often …
    crashes: usize,
    /// … in so long; then the process ends.
    window_seconds: u64,
    /// The wait before the first restart; it doubles.
    first_pause_milliseconds: u64,
    longest_pause_milliseconds: u64,
}

/// The record of an actor's restarts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActorRecord)]
struct RecordView {
    name: &'static str,
    #[schema(value_type = ActorState)]
    state: &'static str,
    restarts: u64,
    crashes_in_window: usize,
    /// Null where it may crash for ever.
    #[schema(required)]
    limits: Option<LimitsView>,
    #[schema(required)]
    last_crash: Option<CrashView>,
    /// How often it did not answer in time.
    wedged: u64,
    /// Null where it has not answered yet.
    #[schema(required)]
    ping_answered_seconds_ago: Option<u64>,
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<&ActorStatus> for RecordView {
    fn from(actor: &ActorStatus) -> Self {
        let limits = actor.limits.map(|limits| LimitsView {
            crashes: limits.crashes,
            window_seconds: limits.window.as_secs(),
            first_pause_milliseconds: milliseconds(limits.first_pause),
            longest_pause_milliseconds: milliseconds(limits.longest_pause),
        });
        Self {
            name: actor.name,
            state: actor.state.as_str(),
            restarts: actor.restarts,
            crashes_in_window: actor.crashes_in_window,
            limits,
            last_crash: actor.last_crash.as_ref().map(CrashView::from),
            wedged: actor.wedged,
            ping_answered_seconds_ago: actor.answered.map(|answered| answered.elapsed().as_secs()),
        }
    }
}

/// How patient the watch over actors is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WatchLimits)]
#[expect(clippy::struct_field_names, reason = "each says its unit")]
struct PatienceView {
    ping_every_seconds: f64,
    answer_within_seconds: f64,
    restart_within_seconds: f64,
    session_answers_within_seconds: f64,
    exit_within_seconds: f64,
}

impl From<WatchLimits> for PatienceView {
    fn from(limits: WatchLimits) -> Self {
        Self {
            ping_every_seconds: limits.every.as_secs_f64(),
            answer_within_seconds: limits.answer_within.as_secs_f64(),
            restart_within_seconds: limits.restart_within.as_secs_f64(),
            session_answers_within_seconds: limits.session_within.as_secs_f64(),
            exit_within_seconds: limits.exit_within.as_secs_f64(),
        }
    }
}

/// How the latest sweep of this replica went: its report, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LastSweep)]
struct LastSweepView {
    finished_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    report: Option<ReportView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

impl From<&LastSweep> for LastSweepView {
    fn from(last: &LastSweep) -> Self {
        Self {
            finished_at: Time(last.finished_at),
            report: last.result.as_ref().ok().map(|report| ReportView::of(report.to_json())),
            error: last.result.as_ref().err().map(ToString::to_string),
        }
    }
}

/// How far a sweep is.
#[derive(Serialize, ToSchema)]
#[schema(as = SweepStep)]
struct StepView {
    /// What it is at; empty where none is under way.
    name: &'static str,
    done: u64,
    total: u64,
}

/// A call that earlier sweeps found no trace of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MissingCall)]
struct MissingView {
    call_id: CallId,
    missing_for_seconds: u64,
}

/// What the supervisor is at.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SupervisorState {
    /// Whether a sweep is under way.
    sweeping: bool,
    step: StepView,
    /// Sweeps of this replica so far.
    sweeps: u64,
    /// The replica that sweeps on the interval; null while that is not known.
    #[schema(required)]
    sweeper: Option<String>,
    /// Sweeps that wait.
    waiting: usize,
    #[schema(required)]
    last_sweep: Option<LastSweepView>,
    interval_seconds: u64,
    ledger_interval_seconds: u64,
    missing: Vec<MissingView>,
}

/// The actor that sweeps and restarts.
#[derive(Serialize, ToSchema)]
#[schema(as = SupervisorActor, examples(json!({
    "actor": {"name": "supervisor", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12},
    "supervisor": {"sweeping": false, "step": {"name": "", "done": 0, "total": 0}, "sweeps": 2, "sweeper": "node-1",
        "waiting": 0, "lastSweep": null, "intervalSeconds": 600, "ledgerIntervalSeconds": 30, "missing": []},
    "watch": null,
    "actors": [{"name": "supervisor", "state": "running", "restarts": 0, "crashesInWindow": 0, "limits": null,
        "lastCrash": null, "wedged": 0, "pingAnsweredSecondsAgo": 3}]
})))]
struct SupervisorView {
    #[schema(required)]
    actor: Option<ActorView>,
    /// Null where it does not answer.
    #[schema(required)]
    supervisor: Option<SupervisorState>,
    /// Null where nobody watches.
    #[schema(required)]
    watch: Option<PatienceView>,
    actors: Vec<RecordView>,
}

/// The name of the replica that sweeps on the interval.
pub(in crate::http) fn sweeper(sweeper: &Sweeper) -> Option<&str> {
    match sweeper {
        Sweeper::Alone | Sweeper::Here => Some(sources::node()),
        Sweeper::Other(node) => Some(node),
        Sweeper::Unknown => None,
    }
}

/// Show the actor that sweeps and restarts.
#[utoipa::path(
    get,
    path = "/debug/actors/supervisor",
    tag = "Debugging",
    operation_id = "getSupervisorActor",
    responses((status = 200, description = "With every actor's restarts.", body = SupervisorView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(in crate::http) async fn get(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let shown = tokio::time::timeout(PATIENCE, state.gate.supervisor().send(supervisor::Inspect)).await;
    let supervisor = shown.ok().and_then(Result::ok).map(|view| {
        let missing = view.missing.iter();
        SupervisorState {
            sweeping: view.sweeping,
            step: StepView { name: view.step.name, done: view.step.done, total: view.step.total },
            sweeps: view.sweeps,
            sweeper: sweeper(&view.sweeper).map(str::to_owned),
            waiting: view.waiting,
            last_sweep: view.last.as_ref().map(LastSweepView::from),
            interval_seconds: view.schedule.full.as_secs(),
            ledger_interval_seconds: view.schedule.ledger.as_secs(),
            missing: missing
                .map(|(call_id, since)| MissingView { call_id: *call_id, missing_for_seconds: since.as_secs() })
                .collect(),
        }
    });
    let roster = state.gate.roster();
    HttpResponse::Ok().json(SupervisorView {
        actor: line(&state, "supervisor"),
        supervisor,
        watch: roster.watch().map(PatienceView::from),
        actors: roster.all().iter().map(RecordView::from).collect(),
    })
}
