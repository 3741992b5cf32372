//! `/debug/actors`: the actors as they are.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::auth::CanRead;
use super::call_view::time;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::pulse::WatchLimits;
use crate::actors::roster::ActorStatus;
use crate::actors::session::View;
use crate::actors::supervisor::LastSweep;
use crate::actors::sweeper::Sweeper;
use crate::actors::{journal, supervisor};
use crate::sources;

/// An actor that does not show itself within this is shown without its state.
const PATIENCE: Duration = Duration::from_secs(2);

fn view(actor: &ActorStatus) -> Value {
    json!({
        "name": actor.name,
        "state": actor.state.as_str(),
        "mailbox": actor.mailbox,
        "restarts": actor.restarts,
        "lastCrash": actor.last_crash.as_ref().map(|crash| json!({ "at": time(crash.at), "reason": crash.reason })),
        "uptimeSeconds": actor.started.elapsed().as_secs(),
    })
}

/// The record of an actor's restarts, and how often it may crash.
fn record(actor: &ActorStatus) -> Value {
    let limits = actor.limits.map(|limits| {
        json!({
            "crashes": limits.crashes,
            "windowSeconds": limits.window.as_secs(),
            "firstPauseMilliseconds": limits.first_pause.as_millis(),
            "longestPauseMilliseconds": limits.longest_pause.as_millis(),
        })
    });
    json!({
        "name": actor.name,
        "state": actor.state.as_str(),
        "restarts": actor.restarts,
        "crashesInWindow": actor.crashes_in_window,
        "limits": limits,
        "lastCrash": actor.last_crash.as_ref().map(|crash| json!({ "at": time(crash.at), "reason": crash.reason })),
        "wedged": actor.wedged,
        "pingAnsweredSecondsAgo": actor.answered.map(|answered| answered.elapsed().as_secs()),
    })
}

fn patience(limits: WatchLimits) -> Value {
    json!({
        "pingEverySeconds": limits.every.as_secs_f64(),
        "answerWithinSeconds": limits.answer_within.as_secs_f64(),
        "restartWithinSeconds": limits.restart_within.as_secs_f64(),
        "sessionAnswersWithinSeconds": limits.session_within.as_secs_f64(),
        "exitWithinSeconds": limits.exit_within.as_secs_f64(),
    })
}

/// `GET /debug/actors`
pub(super) async fn all(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let (live, activated) = state.gate.directory().counts();
    let actors: Vec<_> = state.gate.roster().all().iter().map(view).collect();
    HttpResponse::Ok().json(json!({
        "node": sources::node(),
        "actors": actors,
        "sessions": { "live": live, "activated": activated },
    }))
}

fn line(state: &AppState, name: &str) -> Value {
    state.gate.roster().all().iter().find(|actor| actor.name == name).map_or(Value::Null, view)
}

/// `GET /debug/actors/capacity`
pub(super) async fn capacity(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let (capacity, holders) = (state.gate.snapshot().await, state.gate.holders().await.unwrap_or_default());
    let ledger = capacity.map(|capacity| {
        let occupied = capacity.occupied;
        let holders: Vec<_> = holders
            .iter()
            .map(|holder| {
                json!({
                    "callId": holder.call_id,
                    "businessId": holder.business_id,
                    "plan": holder.plan,
                    "slot": match holder.slot {
                        crate::domain::call::Slot::Held => "held",
                        crate::domain::call::Slot::Overflow => "overflow",
                    },
                })
            })
            .collect();
        let counts = |counts: &crate::ledger::Counts| json!({ "held": counts.held, "overflow": counts.overflow });
        let plans: serde_json::Map<String, Value> =
            occupied.plans.iter().map(|(name, of)| (name.to_string(), counts(of))).collect();
        let businesses: serde_json::Map<String, Value> =
            occupied.businesses.iter().map(|(name, of)| (name.to_string(), counts(of))).collect();
        json!({
            "mode": capacity.mode.as_str(),
            "epoch": capacity.epoch.map(|epoch| epoch.0),
            "cutOff": capacity.cut_off,
            "cap": occupied.cap,
            "paused": occupied.paused,
            "reserved": occupied.reserves,
            "total": counts(&occupied.total),
            "plans": plans,
            "businesses": businesses,
            "holders": holders,
        })
    });
    let ledger = ledger.unwrap_or_else(|| json!({ "mode": "recovering" }));
    HttpResponse::Ok().json(json!({ "actor": line(&state, "capacity"), "ledger": ledger }))
}

/// `GET /debug/actors/journal`
pub(super) async fn journal(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let journal = tokio::time::timeout(PATIENCE, state.gate.journal().send(journal::Inspect)).await;
    let journal = journal.ok().and_then(Result::ok);
    let journal = journal.map(|journal| json!({ "waiting": journal.waiting, "committing": journal.committing }));
    HttpResponse::Ok().json(json!({ "actor": line(&state, "journal"), "journal": journal }))
}

fn last_sweep(last: &LastSweep) -> Value {
    match &last.result {
        Ok(report) => json!({ "finishedAt": time(last.finished_at), "report": report.to_json() }),
        Err(error) => json!({ "finishedAt": time(last.finished_at), "error": error.to_string() }),
    }
}

/// The name of the replica that sweeps on the interval.
pub(super) fn sweeper(sweeper: &Sweeper) -> Option<&str> {
    match sweeper {
        Sweeper::Alone | Sweeper::Here => Some(sources::node()),
        Sweeper::Other(node) => Some(node),
        Sweeper::Unknown => None,
    }
}

/// `GET /debug/actors/supervisor`
pub(super) async fn supervisor(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let shown = tokio::time::timeout(PATIENCE, state.gate.supervisor().send(supervisor::Inspect)).await;
    let supervisor = shown.ok().and_then(Result::ok).map(|view| {
        let missing: Vec<_> = view
            .missing
            .iter()
            .map(|(call_id, since)| json!({ "callId": call_id, "missingForSeconds": since.as_secs() }))
            .collect();
        json!({
            "sweeping": view.sweeping,
            "step": { "name": view.step.name, "done": view.step.done, "total": view.step.total },
            "sweeps": view.sweeps,
            "sweeper": sweeper(&view.sweeper),
            "waiting": view.waiting,
            "lastSweep": view.last.as_ref().map(last_sweep),
            "intervalSeconds": view.schedule.full.as_secs(),
            "ledgerIntervalSeconds": view.schedule.ledger.as_secs(),
            "missing": missing,
        })
    });
    let roster = state.gate.roster();
    HttpResponse::Ok().json(json!({
        "actor": line(&state, "supervisor"),
        "supervisor": supervisor,
        "watch": roster.watch().map(patience),
        "actors": roster.all().iter().map(record).collect::<Vec<_>>(),
    }))
}

/// `GET /debug/actors/sessions/{callId}`
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
    Ok(HttpResponse::Ok().json(json!({
        "callId": call_id,
        "state": record.status,
        "slot": record.slot,
        "sequence": view.sequence.0,
        "ageSeconds": (sources::now() - record.announced_at).num_seconds().max(0),
        "dialling": view.dialling,
        "hangUpAttempts": view.hang_up_attempts,
        "lastHangUpError": view.last_hang_up_error,
        "nextHangUpAt": view.next_hang_up_at.map(time),
        "hangUpStalled": record.hang_up_stalled,
        "node": sources::node(),
    })))
}
