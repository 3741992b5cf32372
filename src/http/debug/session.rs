//! The session of one call, as it is on this replica.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::session::View;
use crate::domain::call::{SlotState, Status};
use crate::domain::ids::CallId;
use crate::http::auth::CanRead;
use crate::http::call_view::Time;
use crate::http::openapi::problems::{KEY, NOT_FOUND, problems};
use crate::http::problem::Problem;
use crate::http::request;
use crate::http::state::AppState;
use crate::sources;

problems!(
    /// Why a session is not shown.
    NoSession: KEY, NOT_FOUND
);

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
pub(in crate::http) async fn get(
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
