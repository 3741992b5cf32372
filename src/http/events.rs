//! `/api/events/stream`: every event of every call, as Server-Sent Events (WHATWG HTML, 9.2).

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde_json::{Value, json};

use super::auth::CanRead;
use super::call_view::time;
use super::problem::Problem;
use super::state::AppState;
use crate::actors::Gate;
use crate::store::FeedItem;

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(200);
/// Looks without news until a comment keeps the connection open.
const QUIET_LOOKS: u32 = 75;
/// Events that are read at once.
const PAGE: u64 = 200;

/// One event of the feed.
pub(super) fn view(item: &FeedItem) -> Value {
    json!({
        "position": item.position,
        "callId": item.call_id,
        "sequence": item.sequence,
        "type": item.event_type,
        "schemaVersion": item.schema_version,
        "occurredAt": time(item.occurred_at),
        "recordedAt": time(item.recorded_at),
        "data": item.data,
    })
}

/// Where a reader of the feed is.
struct Reader {
    gate: Gate,
    position: i64,
    ready: VecDeque<Bytes>,
    quiet: u32,
}

/// `GET /api/events/stream`
pub(super) async fn stream(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let away = |error| Problem::store(&error, &state.gate, &request);
    let position = match request.headers().get("Last-Event-ID") {
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|id| *id >= 0);
            id.ok_or_else(|| Problem::invalid("Last-Event-ID is a position that callgate gave", &request))?
        }
        None => state.gate.store().latest_events(1).await.map_err(away)?.first().map_or(0, |item| item.position),
    };
    let greeting = VecDeque::from([Bytes::from_static(b"retry: 1000\n\n")]);
    let reader = Reader { gate: state.gate.clone(), position, ready: greeting, quiet: 0 };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream::unfold(reader, Reader::next)))
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
        for item in &found {
            self.position = item.position;
            let event = format!("id: {}\nevent: {}\ndata: {}\n\n", item.position, item.event_type, view(item));
            self.ready.push_back(Bytes::from(event));
        }
        if found.is_empty() {
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
