//! The actor that writes events.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ActorView, NotShown, PATIENCE, line};
use crate::actors::journal;
use crate::http::auth::CanRead;
use crate::http::state::AppState;

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
pub(in crate::http) async fn get(_: CanRead, state: web::Data<AppState>) -> HttpResponse {
    let journal = tokio::time::timeout(PATIENCE, state.gate.journal().send(journal::Inspect)).await;
    let journal = journal.ok().and_then(Result::ok);
    let journal = journal.map(|journal| JournalState { waiting: journal.waiting, committing: journal.committing });
    HttpResponse::Ok().json(JournalView { actor: line(&state, "journal"), journal })
}
