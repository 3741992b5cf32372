//! `/debug/actors`: the actors as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::CanRead;
use super::call_view::Time;
use super::openapi::problems::{KEY, NOT_FOUND, problems};
use super::problem::Problem;
use super::reconciliations::ReportView;
use super::request;
use super::state::AppState;
use crate::actors::pulse::WatchLimits;
use crate::actors::roster::{ActorState, ActorStatus, Crash};
use crate::actors::session::View;
use crate::actors::supervisor::LastSweep;
use crate::actors::sweeper::Sweeper;
use crate::actors::{journal, supervisor};
use crate::domain::call::{Slot, SlotState, Status};
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::ledger::{Counts, LedgerMode};
use crate::sources;

/// An actor that does not show itself within this is shown without its state.
const PATIENCE: Duration = Duration::from_secs(2);

/// A crash of an actor.
#[derive(Serialize, ToSchema)]
#[schema(as = Crash)]
struct CrashView {
    at: Time,
    /// What the panic said, or what showed that it is wedged.
    reason: String,
}

impl From<&Crash> for CrashView {
    fn from(crash: &Crash) -> Self {
        Self { at: Time(crash.at), reason: crash.reason.clone() }
    }
}

/// An actor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Actor)]
struct ActorView {
    name: &'static str,
    #[schema(value_type = ActorState)]
    state: &'static str,
    /// Messages that it has taken and not answered yet.
    mailbox: usize,
    /// How often it started again.
    restarts: u64,
    #[schema(required)]
    last_crash: Option<CrashView>,
    /// Since it last started.
    uptime_seconds: u64,
}

impl From<&ActorStatus> for ActorView {
    fn from(actor: &ActorStatus) -> Self {
        Self {
            name: actor.name,
            state: actor.state.as_str(),
            mailbox: actor.mailbox,
            restarts: actor.restarts,
            last_crash: actor.last_crash.as_ref().map(CrashView::from),
            uptime_seconds: actor.started.elapsed().as_secs(),
        }
    }
}

/// The sessions of this replica.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionCounts)]
struct SessionsView {
    /// In memory now.
    live: usize,
    /// Activated so far.
    activated: u64,
}

/// The actors of this replica.
#[derive(Serialize, ToSchema)]
#[schema(as = Actors, examples(json!({
    "node": "node-1",
    "actors": [{"name": "capacity", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12}],
    "sessions": {"live": 5, "activated": 9}
})))]
struct ActorsView {
    /// The replica.
    node: &'static str,
    actors: Vec<ActorView>,
    sessions: SessionsView,
}

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

problems!(
    /// Why actors are not shown.
    NotShown: KEY
);
problems!(
    /// Why a session is not shown.
    NoSession: KEY, NOT_FOUND
);

/// Show the actors.
#[utoipa::path(
    get,
    path = "/debug/actors",
    tag = "Debugging",
    operation_id = "getActors",
    responses((status = 200, description = "Those of this replica.", body = ActorsView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn all(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let (live, activated) = state.gate.directory().counts();
    HttpResponse::Ok().json(ActorsView {
        node: sources::node(),
        actors: state.gate.roster().all().iter().map(ActorView::from).collect(),
        sessions: SessionsView { live, activated },
    })
}

fn line(state: &AppState, name: &str) -> Option<ActorView> {
    state.gate.roster().all().iter().find(|actor| actor.name == name).map(ActorView::from)
}

/// Slots held, and calls without one.
#[derive(Serialize, ToSchema)]
#[schema(as = Counts)]
struct CountsView {
    held: u32,
    overflow: u32,
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        Self { held: counts.held, overflow: counts.overflow }
    }
}

/// Who holds a slot.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Holder)]
struct HolderView {
    call_id: CallId,
    business_id: BusinessId,
    plan: PlanName,
    /// `held` or `overflow`.
    slot: &'static str,
}

/// Every count of the ledger. While it is recovering, and nothing is known of it, only `mode` is there.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ledger)]
struct LedgerView {
    #[schema(value_type = LedgerMode)]
    mode: &'static str,
    #[serde(flatten)]
    counts: Option<LedgerCounts>,
}

/// The counts of a ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LedgerCounts {
    #[schema(required)]
    epoch: Option<u64>,
    /// Other replicas reach Redis, this one does not.
    cut_off: bool,
    cap: u32,
    paused: bool,
    #[schema(value_type = BTreeMap<String, u32>)]
    reserved: BTreeMap<PlanName, u32>,
    total: CountsView,
    #[schema(value_type = BTreeMap<String, CountsView>)]
    plans: BTreeMap<PlanName, CountsView>,
    #[schema(value_type = BTreeMap<String, CountsView>)]
    businesses: BTreeMap<BusinessId, CountsView>,
    holders: Vec<HolderView>,
}

/// The actor that gives slots.
#[derive(Serialize, ToSchema)]
#[schema(as = CapacityActor, examples(json!({
    "actor": {"name": "capacity", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12},
    "ledger": {"mode": "memory", "epoch": 3, "cutOff": false, "cap": 5, "paused": false, "reserved": {"PRO": 2},
        "total": {"held": 1, "overflow": 0}, "plans": {"PRO": {"held": 1, "overflow": 0}},
        "businesses": {"42": {"held": 1, "overflow": 0}},
        "holders": [{"callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "businessId": "42", "plan": "PRO", "slot": "held"}]}
})))]
struct CapacityView {
    #[schema(required)]
    actor: Option<ActorView>,
    ledger: LedgerView,
}

/// Show the actor that gives slots.
#[utoipa::path(
    get,
    path = "/debug/actors/capacity",
    tag = "Debugging",
    operation_id = "getCapacityActor",
    responses((status = 200, description = "With the whole ledger.", body = CapacityView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn capacity(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let (capacity, holders) = (state.gate.snapshot().await, state.gate.holders().await.unwrap_or_default());
    let holders = holders.into_iter().map(|holder| HolderView {
        call_id: holder.call_id,
        business_id: holder.business_id,
        plan: holder.plan,
        slot: match holder.slot {
            Slot::Held => "held",
            Slot::Overflow => "overflow",
        },
    });
    let mode = capacity.as_ref().map_or(LedgerMode::Recovering, |capacity| capacity.mode);
    let counts = capacity.map(|capacity| LedgerCounts {
        epoch: capacity.epoch.map(|epoch| epoch.0),
        cut_off: capacity.cut_off,
        cap: capacity.occupied.cap,
        paused: capacity.occupied.paused,
        total: (&capacity.occupied.total).into(),
        plans: capacity.occupied.plans.iter().map(|(name, counts)| (name.clone(), counts.into())).collect(),
        businesses: capacity.occupied.businesses.iter().map(|(name, counts)| (name.clone(), counts.into())).collect(),
        reserved: capacity.occupied.reserves,
        holders: holders.collect(),
    });
    let ledger = LedgerView { mode: mode.as_str(), counts };
    HttpResponse::Ok().json(CapacityView { actor: line(&state, "capacity"), ledger })
}

/// What the journal is at.
#[derive(Serialize, ToSchema)]
struct JournalState {
    /// Writes that wait.
    waiting: usize,
    /// Whether a transaction is in flight.
    committing: bool,
}

/// The actor that writes events.
#[derive(Serialize, ToSchema)]
#[schema(as = JournalActor, examples(json!({
    "actor": {"name": "journal", "state": "running", "mailbox": 0, "restarts": 0, "lastCrash": null, "uptimeSeconds": 12},
    "journal": {"waiting": 0, "committing": false}
})))]
struct JournalView {
    #[schema(required)]
    actor: Option<ActorView>,
    /// Null where it does not answer.
    #[schema(required)]
    journal: Option<JournalState>,
}

/// Show the actor that writes events.
#[utoipa::path(
    get,
    path = "/debug/actors/journal",
    tag = "Debugging",
    operation_id = "getJournalActor",
    responses((status = 200, description = "With what it is at.", body = JournalView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn journal(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let journal = tokio::time::timeout(PATIENCE, state.gate.journal().send(journal::Inspect)).await;
    let journal = journal.ok().and_then(Result::ok);
    let journal = journal.map(|journal| JournalState { waiting: journal.waiting, committing: journal.committing });
    HttpResponse::Ok().json(JournalView { actor: line(&state, "journal"), journal })
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
fn sweeper(sweeper: &Sweeper) -> Option<String> {
    match sweeper {
        Sweeper::Alone | Sweeper::Here => Some(sources::node().to_owned()),
        Sweeper::Other(node) => Some(node.to_string()),
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
pub(super) async fn supervisor(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let shown = tokio::time::timeout(PATIENCE, state.gate.supervisor().send(supervisor::Inspect)).await;
    let supervisor = shown.ok().and_then(Result::ok).map(|view| {
        let missing = view.missing.iter();
        SupervisorState {
            sweeping: view.sweeping,
            step: StepView { name: view.step.name, done: view.step.done, total: view.step.total },
            sweeps: view.sweeps,
            sweeper: sweeper(&view.sweeper),
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

/// The session of a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session, examples(json!({
    "callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "state": "active", "slot": "held", "sequence": 3, "ageSeconds": 12,
    "dialling": false, "hangUpAttempts": 0, "lastHangUpError": null, "nextHangUpAt": null, "hangUpStalled": false,
    "node": "node-1"
})))]
struct SessionView {
    call_id: CallId,
    state: Status,
    slot: SlotState,
    /// The sequence of its latest event.
    sequence: u64,
    age_seconds: i64,
    /// Whether this session is placing it.
    dialling: bool,
    /// Attempts of this session to hang it up.
    hang_up_attempts: u32,
    /// What came of the latest.
    #[schema(required)]
    last_hang_up_error: Option<String>,
    /// When the next one is due; null while one is under way, or none is.
    #[schema(required)]
    next_hang_up_at: Option<Time>,
    /// Whether hanging up takes long.
    hang_up_stalled: bool,
    /// The replica.
    node: &'static str,
}

/// Show the session of a call.
#[utoipa::path(
    get,
    path = "/debug/actors/sessions/{callId}",
    tag = "Debugging",
    operation_id = "getSession",
    description = "Activates it on this replica where it is not.",
    params(("callId" = CallId, Path, description = "The call.", example = "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03")),
    responses((status = 200, description = "As it is on this replica.", body = SessionView), NoSession),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn session(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let call_id = request::call_id(&path, &request)?;
    let view = state.gate.directory().ask(call_id, View).await;
    let view = view.map_err(|error| Problem::of(&error.into(), &state.gate, &request))?;
    let record = view.record.ok_or_else(|| Problem::not_found("call of that id", &request))?;
    Ok(HttpResponse::Ok().json(SessionView {
        call_id,
        state: record.status,
        slot: record.slot,
        sequence: view.sequence.0,
        age_seconds: (sources::now() - record.announced_at).num_seconds().max(0),
        dialling: view.dialling,
        hang_up_attempts: view.hang_up_attempts,
        last_hang_up_error: view.last_hang_up_error,
        next_hang_up_at: view.next_hang_up_at.map(Time),
        hang_up_stalled: record.hang_up_stalled,
        node: sources::node(),
    }))
}
