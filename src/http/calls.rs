//! `/api/calls`: place, list, read, hang up.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::{self, CanCall, CanRead, IsAdmin};
use super::body;
use super::call_view::{self, time};
use super::problem::Problem;
use super::request::{self, Query};
use super::state::AppState;
use crate::actors::gate::{GateError, Refused};
use crate::actors::outbound::{CallRequest, IdempotencyKey, Placed};
use crate::domain::call::{Source, Status};
use crate::domain::ids::{AgentId, BusinessId, CallId, PhoneNumberId};
use crate::store::{PageRequest, SessionFilter, encode};

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CallBody {
    #[serde(deserialize_with = "body::business_id")]
    business_id: BusinessId,
    agent_id: AgentId,
    phone_number_id: PhoneNumberId,
    to_number: String,
    #[serde(default)]
    client_data: Option<Map<String, Value>>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    max_duration_seconds: Option<u32>,
    #[serde(default)]
    ringing_timeout_seconds: Option<u32>,
    #[serde(default)]
    source: Option<String>,
}

/// `POST /api/calls`
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

/// `GET /api/calls`
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
    Ok(HttpResponse::Ok().json(json!({ "calls": calls, "nextCursor": next })))
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

/// `GET /api/calls/{callId}`
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

/// `GET /api/calls/{callId}/events`
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
    let events: Vec<_> = stream
        .0
        .iter()
        .map(|recorded| {
            let (event_type, _, data) = encode(&recorded.event.kind);
            json!({
                "sequence": recorded.sequence.0,
                "type": event_type,
                "schemaVersion": recorded.schema_version,
                "occurredAt": time(recorded.event.occurred_at),
                "recordedAt": time(recorded.recorded_at),
                "data": data,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "events": events })))
}

/// `DELETE /api/calls/{callId}`
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceEndBody {
    reason: String,
}

/// `POST /api/calls/{callId}/force-end`
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
