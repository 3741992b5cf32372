//! `/debug/actors`: the actors as they are. One file for each that shows its whole state.

pub(super) mod capacity;
pub(super) mod journal;
pub(super) mod session;
pub(super) mod supervisor;

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::CanRead;
use super::call_view::Time;
use super::openapi::problems::{KEY, problems};
use super::state::AppState;
use crate::actors::roster::{ActorState, ActorStatus, Crash};
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

problems!(
    /// Why actors are not shown.
    pub(super) NotShown: KEY
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
pub(in crate::http) async fn get(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
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
