//! `/api/calls`: place, list, read, hang up.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth::{self, CanCall, CanRead, IsAdmin};
use super::body;
use super::call_view::{self, CallView, Time};
use super::openapi::BusinessIdOrNumber;
use super::openapi::placing::{Placed as PlacedAnswers, PlacingHeaders};
use super::openapi::problems::{BODY, KEY, NOT_FOUND, OVER, PARAMETERS, PLACING, SCOPE, problems};
use super::problem::Problem;
use super::request::{self, Query};
use super::state::AppState;
use crate::actors::gate::{GateError, Refused};
use crate::actors::outbound::{CallRequest, IdempotencyKey, Placed};
use crate::domain::call::{Source, Status};
use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId};
use crate::store::{PageRequest, RecordedEvent, SessionFilter, encode};

/// `clientData` is at most this long, as JSON.
const CLIENT_DATA_LIMIT: usize = 16 * 1024;
/// Names that the gate itself gives to variables of the conversation.
const OWN_VARIABLES: [&str; 2] = ["callgate_call_id", "business_id"];
/// An Idempotency-Key is at most this long.
const KEY_LIMIT: usize = 255;
/// The longest `maxDurationSeconds`: a day.
const LONGEST_CALL: u32 = 86_400;
/// The longest `ringingTimeoutSeconds`: the carrier's.
const LONGEST_RINGING: u32 = 600;

/// A call that is to be placed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CallRequest, examples(json!({
    "businessId": "42", "agentId": "agent_1", "phoneNumberId": "phnum_1", "toNumber": "+14155550123",
    "clientData": {"name": "Ada"}
})))]
struct CallBody {
    /// Whose call it is. A JSON number is read as its decimal text.
    #[serde(deserialize_with = "body::business_id")]
    #[schema(value_type = BusinessIdOrNumber)]
    business_id: BusinessId,
    /// Who is to talk. An agent that is registered must be the business's own.
    agent_id: AgentId,
    /// From which number of the platform.
    phone_number_id: PhoneNumberId,
    /// Whom to call: E.164, or national with the business's country.
    #[schema(format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", examples("+14155550123"))]
    to_number: String,
    /// Variables of the conversation: at most 16 KiB as JSON. `callgate_call_id` and `business_id` are the gate's own.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client_data: Option<Map<String, Value>>,
    /// The platform's name for whoever asks.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    user_id: Option<String>,
    /// When the gate hangs up at the latest.
    #[serde(default, deserialize_with = "body::whole")]
    #[schema(minimum = 1, maximum = 86_400)]
    max_duration_seconds: Option<u32>,
    /// How long it may ring.
    #[serde(default, deserialize_with = "body::whole")]
    #[schema(minimum = 1, maximum = 600)]
    ringing_timeout_seconds: Option<u32>,
    /// The platform's name for the door that it came through; `api` unless said.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 32, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    source: Option<String>,
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Calls, examples(json!({"calls": [{
    "callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "providerCallId": "conv_1", "businessId": "42", "plan": "PRO",
    "direction": "outbound", "status": "ended", "source": "api", "agentId": "agent_1", "phoneNumberId": "phnum_1",
    "toNumber": "+1415•••0123", "fromNumber": null, "userId": null, "createdAt": "2026-01-27T09:59:59.200Z",
    "startedAt": "2026-01-27T10:00:00.000Z", "endedAt": "2026-01-27T10:02:00.000Z", "endReason": "completed",
    "slot": {"currentActive": 0, "limit": 3, "globalCurrent": 1, "globalLimit": 5}
}], "nextCursor": null})))]
struct CallsView {
    /// Newest first.
    calls: Vec<CallView>,
    /// Sent as `cursor`, it brings the next page; null: there is none.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One event of a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CallEvent)]
struct EventView {
    /// Its place in the stream of its call, from 1.
    sequence: u64,
    /// `CallRequested`, `CallAdmitted`, `CallPlaced`, `CallEnded`, …
    r#type: &'static str,
    /// The version of `data`.
    schema_version: i32,
    /// When it happened.
    occurred_at: Time,
    /// When it was stored.
    recorded_at: Time,
    /// What it says.
    #[schema(value_type = Object)]
    data: Value,
}

/// The event stream of a call.
#[derive(Serialize, ToSchema)]
#[schema(as = CallEvents, examples(json!({"events": [{
    "sequence": 3, "type": "CallPlaced", "schemaVersion": 1, "occurredAt": "2026-01-27T10:00:00.000Z",
    "recordedAt": "2026-01-27T10:00:00.004Z", "data": {}
}]})))]
struct EventsView {
    /// In the order of their sequence.
    events: Vec<EventView>,
}

problems!(
    /// Why a call is not placed.
    NotPlaced: KEY, SCOPE, BODY, PLACING
);
problems!(
    /// Why calls are not listed.
    NotListed: KEY, PARAMETERS
);
problems!(
    /// Why a call is not shown.
    NotShown: KEY, NOT_FOUND
);
problems!(
    /// Why a call is not hung up.
    NotHungUp: KEY, SCOPE, NOT_FOUND, OVER
);
problems!(
    /// Why a call is not forced to its end.
    NotForced: KEY, SCOPE, BODY, NOT_FOUND, OVER
);

/// Place a call.
#[utoipa::path(
    post,
    path = "/api/calls",
    tag = "Calls",
    operation_id = "placeCall",
    description = "Takes a slot, commits the admission, then asks the provider to dial, and answers once it has. \
                   Where there is no slot, or none can be proven to be free: 503 with `Retry-After`, and no call exists.",
    params(PlacingHeaders),
    request_body(content = CallBody),
    responses(PlacedAnswers, NotPlaced),
    security(("apiKey" = ["call"])),
)]
pub(super) async fn post(
    request: HttpRequest,
    _: CanCall,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (asked, body_hash): (CallBody, String) = body::json(payload, &request).await?;
    let call = CallRequest {
        business_id: asked.business_id,
        agent_id: asked.agent_id,
        phone_number_id: asked.phone_number_id,
        to_number: asked.to_number,
        user_id: checked_text("userId", asked.user_id, 128, &request)?,
        client_data: checked_client_data(asked.client_data.unwrap_or_default(), &request)?,
        max_duration_seconds: checked_seconds(
            "maxDurationSeconds",
            asked.max_duration_seconds,
            LONGEST_CALL,
            &request,
        )?,
        ringing_timeout_seconds: checked_seconds(
            "ringingTimeoutSeconds",
            asked.ringing_timeout_seconds,
            LONGEST_RINGING,
            &request,
        )?,
        source: checked_text("source", asked.source, 32, &request)?
            .map_or_else(Source::api, |name| Source::named(&name)),
        idempotency: idempotency_key(&request, body_hash)?,
        respond_async: prefers_async(&request),
        trace: request::trace(&request, "api"),
    };
    place(&state, call, &request).await
}

/// Places a call and answers: the same for every door.
pub(super) async fn place(state: &AppState, call: CallRequest, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let entered = state.gate.enter().map_err(|error| Problem::of(&error, &state.gate, request))?;
    let respond_async = call.respond_async;
    match state.gate.place_call(call, entered).await {
        Ok(placed) => Ok(answer(state, &placed, respond_async)),
        Err(error) => Err(refusal(state, &error, request).await),
    }
}

fn answer(state: &AppState, placed: &Placed, respond_async: bool) -> HttpResponse {
    let mut response = match (placed.record.status, placed.replayed) {
        (Status::Placing, _) => HttpResponse::Accepted(),
        (_, true) => HttpResponse::Ok(),
        (_, false) if respond_async => HttpResponse::Accepted(),
        (_, false) => HttpResponse::Created(),
    };
    response.insert_header((LOCATION, format!("{}/api/calls/{}", state.public_url, placed.call_id)));
    if placed.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    } else if respond_async {
        response.insert_header(("Preference-Applied", "respond-async"));
    }
    response.json(call_view::call(placed.call_id, &placed.record, placed.standing))
}

/// A refusal; where the provider was full, with the counts as they are.
async fn refusal(state: &AppState, error: &GateError, request: &HttpRequest) -> Problem {
    let problem = Problem::of(error, &state.gate, request);
    if let GateError::ProviderFull { call_id, .. } = error
        && let Ok(Some(session)) = state.gate.store().session(*call_id).await
    {
        return problem.standing(state.gate.standing_of(&session.record).await);
    }
    problem
}

fn checked_client_data(data: Map<String, Value>, request: &HttpRequest) -> Result<Map<String, Value>, Problem> {
    if let Some(own) = OWN_VARIABLES.iter().find(|name| data.contains_key(**name)) {
        return Err(Problem::invalid(format!("clientData.{own} is set by callgate itself"), request));
    }
    let length = serde_json::to_vec(&data).map_or(usize::MAX, |text| text.len());
    if length > CLIENT_DATA_LIMIT {
        let detail = format!("clientData is {length} bytes long; accepted are up to {CLIENT_DATA_LIMIT}");
        return Err(Problem::invalid(detail, request));
    }
    Ok(data)
}

/// An optional text of a bounded length.
pub(super) fn checked_text(
    name: &str,
    text: Option<String>,
    longest: usize,
    request: &HttpRequest,
) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) => {
            Err(Problem::invalid(format!("{name} is 1 to {longest} printable characters"), request))
        }
        text => Ok(text),
    }
}

fn checked_seconds(name: &str, seconds: Option<u32>, most: u32, request: &HttpRequest) -> Result<Option<u32>, Problem> {
    match seconds {
        Some(seconds) if seconds == 0 || seconds > most => {
            Err(Problem::invalid(format!("{name} is a whole number of seconds from 1 to {most}"), request))
        }
        seconds => Ok(seconds),
    }
}

/// The `Idempotency-Key` header, with what was asked under it.
pub(super) fn idempotency_key(request: &HttpRequest, body_hash: String) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_LIMIT || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("Idempotency-Key is 1 to {KEY_LIMIT} visible ASCII characters");
        return Err(Problem::invalid(detail, request));
    }
    Ok(Some(IdempotencyKey { key: key.to_owned(), body_hash }))
}

/// `Prefer: respond-async` (RFC 7240).
pub(super) fn prefers_async(request: &HttpRequest) -> bool {
    request
        .headers()
        .get_all("Prefer")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// List calls.
#[utoipa::path(
    get,
    path = "/api/calls",
    tag = "Calls",
    operation_id = "listCalls",
    params(
        (
            "status" = Option<Vec<Status>>, Query, style = Form, explode = false,
            description = "Only calls that stand at one of these, separated by commas.", example = json!(["active", "terminating"])
        ),
        ("businessId" = Option<BusinessId>, Query, description = "Only calls of this business.", example = "42"),
        ("providerCallId" = Option<String>, Query, description = "Only the call that the provider calls so.", example = "conv_1"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Only calls from then on; the year has four digits.", example = "2026-01-27T00:00:00Z"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Only calls until then.", example = "2026-01-28T00:00:00Z"),
        ("limit" = Option<u32>, Query, description = "How many at most; 50 unless said.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the page before.", pattern = "^-?[0-9]{1,15}_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", example = "1769508000000_01974a5c-9e10-7c3d-8b6f-2d415e7a9c03"),
    ),
    responses((status = 200, description = "A page.", body = CallsView), NotListed),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let query = request::query(&request, &["status", "businessId", "providerCallId", "from", "to", "limit", "cursor"])?;
    let filter = SessionFilter {
        statuses: statuses(&query, &request)?,
        business_id: query.value("businessId")?,
        provider_call_id: query.text("providerCallId").map(str::to_owned),
        from: time_of(&query, "from", &request)?,
        to: time_of(&query, "to", &request)?,
    };
    let after = query.text("cursor").map(|cursor| read_cursor(cursor, &request)).transpose()?;
    let page = PageRequest { after, limit: request::limit(query.text("limit"), 50, 500, &request)? };
    let page = state.gate.store().list_sessions(&filter, &page).await;
    let page = page.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let capacity = state.gate.snapshot().await;
    let mut calls = Vec::with_capacity(page.sessions.len());
    for session in &page.sessions {
        let standing = state.gate.standing_in(capacity.as_ref(), &session.record).await;
        calls.push(call_view::call(session.call_id, &session.record, standing));
    }
    let next = page.next.map(|(at, call_id)| format!("{}_{call_id}", at.timestamp_millis()));
    Ok(HttpResponse::Ok().json(CallsView { calls, next_cursor: next }))
}

/// A time in the query; years have four digits (RFC 3339), and are stored so.
fn time_of(query: &Query<'_>, name: &str, request: &HttpRequest) -> Result<Option<DateTime<Utc>>, Problem> {
    let time: Option<DateTime<Utc>> = query.value(name)?;
    match time {
        Some(time) if !(0..=9999).contains(&time.year()) => {
            Err(Problem::invalid(format!("{name}: the year has four digits"), request))
        }
        time => Ok(time),
    }
}

fn statuses(query: &Query<'_>, request: &HttpRequest) -> Result<Vec<Status>, Problem> {
    let Some(text) = query.text("status") else { return Ok(Vec::new()) };
    let read = |word: &str| word.trim().parse().map_err(|error| Problem::invalid(format!("status: {error}"), request));
    text.split(',').map(read).collect()
}

fn read_cursor(cursor: &str, request: &HttpRequest) -> Result<(DateTime<Utc>, CallId), Problem> {
    let read = || {
        let (at, call_id) = cursor.split_once('_')?;
        Some((DateTime::from_timestamp_millis(at.parse().ok()?)?, call_id.parse().ok()?))
    };
    read().ok_or_else(|| Problem::invalid("cursor is not one that callgate gave", request))
}

/// Show a call.
#[utoipa::path(
    get,
    path = "/api/calls/{callId}",
    tag = "Calls",
    operation_id = "getCall",
    params(("callId" = CallId, Path, description = "The call.", example = "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03")),
    responses((status = 200, description = "As it is.", body = CallView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn get(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let call_id = request::call_id(&path, &request)?;
    let session = state.gate.store().session(call_id).await;
    let session = session.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let session = session.filter(|session| session.record.profile.is_some());
    let session = session.ok_or_else(|| Problem::refused(Refused::UnknownCall, &state.gate, &request))?;
    let standing = state.gate.standing_of(&session.record).await;
    Ok(HttpResponse::Ok().json(call_view::call(call_id, &session.record, standing)))
}

/// Show the event stream of a call.
#[utoipa::path(
    get,
    path = "/api/calls/{callId}/events",
    tag = "Calls",
    operation_id = "listCallEvents",
    params(("callId" = CallId, Path, description = "The call.", example = "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03")),
    responses((status = 200, description = "All of it.", body = EventsView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn events(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let call_id = request::call_id(&path, &request)?;
    let stream = state.gate.store().stream(call_id).await;
    let stream = stream.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    if stream.0.is_empty() {
        return Err(Problem::refused(Refused::UnknownCall, &state.gate, &request));
    }
    let view = |recorded: &RecordedEvent| {
        let (event_type, _, data) = encode(&recorded.event.kind);
        EventView {
            sequence: recorded.sequence.0,
            r#type: event_type,
            schema_version: recorded.schema_version,
            occurred_at: Time(recorded.event.occurred_at),
            recorded_at: Time(recorded.recorded_at),
            data,
        }
    };
    Ok(HttpResponse::Ok().json(EventsView { events: stream.0.iter().map(view).collect() }))
}

/// Hang up a call.
#[utoipa::path(
    delete,
    path = "/api/calls/{callId}",
    tag = "Calls",
    operation_id = "hangUpCall",
    description = "Also while it is being placed. Asking again changes nothing. The slot is free once the provider confirms.",
    params(("callId" = CallId, Path, description = "The call.", example = "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03")),
    responses((status = 202, description = "It is being hung up.", body = CallView), NotHungUp),
    security(("apiKey" = ["call"])),
)]
pub(super) async fn delete(
    request: HttpRequest,
    _: CanCall,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let call_id = request::call_id(&path, &request)?;
    let hung_up = state.gate.hang_up(call_id, request::trace(&request, "api")).await;
    let record = hung_up.map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let standing = state.gate.standing_of(&record).await;
    Ok(HttpResponse::Accepted().json(call_view::call(call_id, &record, standing)))
}

/// Why a call is forced to its end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForceEndRequest, examples(json!({"reason": "the provider's dashboard shows it as ended"})))]
struct ForceEndBody {
    /// For the audit.
    #[schema(min_length = 1, max_length = 300, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    reason: String,
}

/// Force a call to its end.
#[utoipa::path(
    post,
    path = "/api/calls/{callId}/force-end",
    tag = "Calls",
    operation_id = "forceEndCall",
    description = "The operator's word that it is over: an audited event, and the slot is free. Nobody is hung up.",
    params(("callId" = CallId, Path, description = "The call.", example = "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03")),
    request_body(content = ForceEndBody),
    responses((status = 200, description = "It is over.", body = CallView), NotForced),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn force_end(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let call_id = request::call_id(&path, &request)?;
    let (ForceEndBody { reason }, _) = body::json(payload, &request).await?;
    let reason = checked_text("reason", Some(reason), 300, &request)?.unwrap_or_default();
    let note = format!("{reason} (by {})", auth::asker(&request));
    let ended = state.gate.force_end(call_id, note, request::trace(&request, "operator")).await;
    let record = ended.map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let standing = state.gate.standing_of(&record).await;
    Ok(HttpResponse::Ok().json(call_view::call(call_id, &record, standing)))
}
