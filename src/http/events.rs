//! `/api/events/stream`: every event of every call, as Server-Sent Events (WHATWG HTML, 9.2), and the overview between them
//! for whoever asks for it.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::auth::{self, CanRead};
use super::call_view::moment;
use super::openapi::problems::{KEY, PARAMETERS, problems};
use super::overview::Publication;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::Gate;
use crate::store::{FeedItem, Scope};

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(200);
/// Looks without news until a comment keeps the connection open.
const QUIET_LOOKS: u32 = 75;
/// Events that are read at once.
const PAGE: u64 = 200;

/// One event of the feed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FeedEvent {
    /// Its place in the feed.
    position: i64,
    /// The call; of a note of the gate itself an id of its own.
    call_id: String,
    /// Its place in the stream of the call.
    sequence: i64,
    r#type: String,
    /// The version in which it was written.
    schema_version: i32,
    #[serde(serialize_with = "moment")]
    occurred_at: DateTime<Utc>,
    #[serde(serialize_with = "moment")]
    recorded_at: DateTime<Utc>,
    /// What happened, by the type of the event.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<FeedItem> for FeedEvent {
    fn from(item: FeedItem) -> Self {
        Self {
            position: item.position,
            call_id: item.call_id,
            sequence: item.sequence,
            r#type: item.event_type,
            schema_version: item.schema_version,
            occurred_at: item.occurred_at,
            recorded_at: item.recorded_at,
            data: item.data,
        }
    }
}

impl FeedEvent {
    /// As a piece of the stream.
    fn piece(&self) -> Bytes {
        let data = serde_json::to_string(self).expect("an event is plain data with text keys");
        Bytes::from(format!("id: {}\nevent: {}\ndata: {data}\n\n", self.position, self.r#type))
    }
}

/// Where a reader of the feed is.
struct Reader {
    gate: Gate,
    position: i64,
    ready: VecDeque<Bytes>,
    quiet: u32,
}

problems!(
    /// Why there is no stream.
    NoStream: KEY, PARAMETERS
);

/// Follow every event of every call.
#[utoipa::path(
    get,
    path = "/api/events/stream",
    tag = "Watching",
    operation_id = "streamEvents",
    description = "Server-Sent Events that never end. The `id` of an event is its position in the feed; with it as \
                   `Last-Event-ID` the stream goes on behind it and skips nothing; behind a position that is not reached yet, \
                   of another database perhaps, it begins now. It ends when its key is revoked. The data is an event as \
                   `GET /api/concurrent-metrics/events` lists it.",
    params(
        ("Last-Event-ID" = Option<i64>, Header, description = "The last position that was read; unless said, the stream begins now.", minimum = 0, example = 12),
        ("overview" = Option<bool>, Query, description = "Also tell the overview: events named `overview`, without an id, at once and then whenever it changes, at least every 15 seconds.", example = true),
    ),
    responses(
        (
            status = 200, description = "The stream.", body = String, content_type = "text/event-stream",
            headers(("Cache-Control" = String, description = "`no-store`")),
            example = json!("retry: 1000\n\nid: 12\nevent: CallPlaced\ndata: {\"position\":12,\"callId\":\"01974a5c-9e10-7c3d-8b6f-2d415e7a9c03\",\"sequence\":3,\"type\":\"CallPlaced\",\"schemaVersion\":1,\"occurredAt\":\"2026-01-27T10:00:00.000Z\",\"recordedAt\":\"2026-01-27T10:00:00.004Z\",\"data\":{}}\n\n"),
        ),
        NoStream,
    ),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn stream(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let away = |error| Problem::store(&error, &state.gate, &request);
    let query = request::query(&request, &["overview"])?;
    let wants_overview = match query.text("overview") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("overview is true or false", &request)),
    };
    let latest = state.gate.store().latest_events(1).await.map_err(away);
    let latest = latest.map(|latest| latest.first().map_or(0, |item| item.position));
    let position = match (last_read(&request)?, latest) {
        // A position of another log, before a restore perhaps: what comes now is new to this reader.
        (Some(last), Ok(latest)) => last.min(latest),
        (Some(last), Err(_)) => last,
        (None, latest) => latest?,
    };
    let greeting = VecDeque::from([Bytes::from_static(b"retry: 1000\n\n")]);
    let reader = Reader { gate: state.gate.clone(), position, ready: greeting, quiet: 0 };
    let events = stream::unfold(reader, Reader::next);
    let revoked = auth::revocation(request, Scope::Read);
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream").insert_header((CACHE_CONTROL, "no-store"));
    if !wants_overview {
        return Ok(answer.streaming(events.take_until(revoked)));
    }
    let overviews = stream::unfold(state.watchtower.subscribe(), next_overview);
    Ok(answer.streaming(stream::select(events, overviews).take_until(revoked)))
}

/// Where the reader was, as it says.
fn last_read(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get("Last-Event-ID") else { return Ok(None) };
    let position = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|position| *position >= 0);
    position.map(Some).ok_or_else(|| Problem::invalid("Last-Event-ID is a position that callgate gave", request))
}

/// The overview once there is another one; none when the node goes away.
async fn next_overview(
    mut reader: watch::Receiver<Publication>,
) -> Option<(Result<Bytes, actix_web::Error>, watch::Receiver<Publication>)> {
    loop {
        reader.changed().await.ok()?;
        let published = reader.borrow_and_update().clone();
        match published {
            Publication::Nothing => {}
            Publication::Latest(event) => return Some((Ok(event), reader)),
            Publication::Over => return None,
        }
    }
}

impl Reader {
    /// The next piece of the stream; none when the node goes away.
    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some((Ok(piece), self));
            }
            if self.gate.is_draining() {
                return None;
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let found = match self.gate.store().events_after(self.position, PAGE).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the event stream waits for the database");
                Vec::new()
            }
        };
        let is_quiet = found.is_empty();
        for item in found {
            self.position = item.position;
            self.ready.push_back(FeedEvent::from(item).piece());
        }
        if is_quiet {
            self.quiet += 1;
            tokio::time::sleep(PAUSE).await;
        }
        if !self.ready.is_empty() || self.quiet >= QUIET_LOOKS {
            if self.ready.is_empty() {
                self.ready.push_back(Bytes::from_static(b": still here\n\n"));
            }
            self.quiet = 0;
        }
    }
}
