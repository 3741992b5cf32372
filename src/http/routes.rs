//! Every route, and what surrounds them all: request ids, the log line, the duration, a crash as 500.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, Resource, Route, guard, web};
use futures_util::FutureExt;
use tracing::Instrument;

use super::problem::Problem;
use super::request::RequestId;
use super::{
    agents, businesses, calls, concurrency, dashboard, debug, do_not_call, doors, events, health, metrics, overview,
    phone_numbers, pools, reconciliations, twilio, webhooks,
};
use crate::actors::guardian::reason_of;
use crate::sources;

/// A resource that answers other methods than its own with 405.
fn resource(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        Err::<web::Bytes, _>(Problem::method_not_allowed(allow, &request))
    }))
}

/// A route that reads: GET, and HEAD, which asks for the same without the body (RFC 9110, 9.3.2).
fn reading() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Registers every route.
pub fn configure(app: &mut web::ServiceConfig) {
    let (get, post, put, delete) = (reading, web::post, web::put, web::delete);
    app.service(resource("/", "GET, HEAD").route(get().to(dashboard::page)))
        .service(resource("/assets/{path:.*}", "GET, HEAD").route(get().to(dashboard::asset)))
        .service(resource("/api/calls", "GET, HEAD, POST").route(get().to(calls::list)).route(post().to(calls::post)))
        .service(
            resource("/api/calls/{callId}", "DELETE, GET, HEAD")
                .route(get().to(calls::get))
                .route(delete().to(calls::delete)),
        )
        .service(resource("/api/calls/{callId}/events", "GET, HEAD").route(get().to(calls::events)))
        .service(resource("/api/calls/{callId}/force-end", "POST").route(post().to(calls::force_end)))
        .service(resource("/api/assistants/{agentId}/test-call", "POST").route(post().to(doors::agent)))
        .service(resource("/api/phone-numbers/{phoneNumberId}/test-call", "POST").route(post().to(doors::phone_number)))
        .service(resource("/api/demo/request-call", "POST").route(post().to(doors::demo)))
        .service(resource("/api/businesses", "GET, HEAD").route(get().to(businesses::list)))
        .service(
            resource("/api/businesses/{businessId}", "DELETE, GET, HEAD, PUT")
                .route(get().to(businesses::get))
                .route(put().to(businesses::put))
                .route(delete().to(businesses::delete)),
        )
        .service(resource("/api/businesses/{businessId}/agents", "GET, HEAD").route(get().to(agents::list)))
        .service(
            resource("/api/businesses/{businessId}/agents/{agentId}", "DELETE, PUT")
                .route(put().to(agents::put))
                .route(delete().to(agents::delete)),
        )
        .service(
            resource("/api/businesses/{businessId}/phone-numbers", "GET, HEAD").route(get().to(phone_numbers::list)),
        )
        .service(
            resource("/api/businesses/{businessId}/phone-numbers/{phoneNumberId}", "DELETE, PUT")
                .route(put().to(phone_numbers::put))
                .route(delete().to(phone_numbers::delete)),
        )
        .service(
            resource("/api/businesses/{businessId}/do-not-call/{e164}", "DELETE, PUT")
                .route(put().to(do_not_call::put))
                .route(delete().to(do_not_call::delete)),
        )
        .service(
            resource("/api/pools/default", "GET, HEAD, PUT").route(get().to(pools::get)).route(put().to(pools::put)),
        )
        .service(
            resource("/api/reconciliations", "GET, HEAD, POST")
                .route(get().to(reconciliations::list))
                .route(post().to(reconciliations::post)),
        )
        .service(resource("/api/webhooks/elevenlabs", "POST").route(post().to(webhooks::elevenlabs)))
        .service(resource("/api/webhooks/elevenlabs/initiation", "POST").route(post().to(webhooks::initiation)))
        .service(resource("/api/webhooks/twilio/voice", "POST").route(post().to(twilio::voice)))
        .service(resource("/api/webhooks/twilio/status", "POST").route(post().to(twilio::status)))
        .service(resource("/api/concurrent-metrics", "GET, HEAD").route(get().to(concurrency::summary)))
        .service(resource("/api/concurrent-metrics/status", "GET, HEAD").route(get().to(concurrency::status)))
        .service(resource("/api/concurrent-metrics/events", "GET, HEAD").route(get().to(concurrency::events)))
        .service(resource("/api/concurrent-metrics/prometheus", "GET, HEAD").route(get().to(metrics::get)))
        .service(resource("/api/overview", "GET, HEAD").route(get().to(overview::get)))
        .service(resource("/api/overview/history", "GET, HEAD").route(get().to(overview::history)))
        .service(resource("/api/events/stream", "GET").route(web::get().to(events::stream)))
        .service(resource("/metrics", "GET, HEAD").route(get().to(metrics::get)))
        .service(resource("/debug/actors", "GET, HEAD").route(get().to(debug::all)))
        .service(resource("/debug/actors/capacity", "GET, HEAD").route(get().to(debug::capacity)))
        .service(resource("/debug/actors/journal", "GET, HEAD").route(get().to(debug::journal)))
        .service(resource("/debug/actors/supervisor", "GET, HEAD").route(get().to(debug::supervisor)))
        .service(resource("/debug/actors/sessions/{callId}", "GET, HEAD").route(get().to(debug::session)))
        .service(resource("/health/live", "GET, HEAD").route(get().to(health::live)))
        .service(resource("/health/ready", "GET, HEAD").route(get().to(health::ready)))
        .default_service(web::to(|request: HttpRequest| async move {
            Err::<web::Bytes, _>(Problem::not_found("resource at this path", &request))
        }));
}

/// A request id that a caller may choose: a plain short word.
fn chosen_id(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get("x-request-id")?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Gives every request an id, measures and logs it, and answers 500 where its handler crashes.
///
/// The log line has the route's pattern, not the path: paths may hold telephone numbers.
pub async fn observe<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, actix_web::Error>
where
    B: MessageBody + 'static,
{
    let began = Instant::now();
    let id = chosen_id(&request).unwrap_or_else(|| sources::new_uuid().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let state = super::auth::state(request.request());
    let method = request.method().to_string();
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!("request", request_id = %id, method, route);
    let path = request.path().to_owned();
    let handled = AssertUnwindSafe(next.call(request)).catch_unwind();
    let record = |status: u16| {
        let duration = began.elapsed();
        state.gate.metrics().record_http_request(&method, &route, status, duration);
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(parent: &span, status, milliseconds, "request");
    };
    let mut response = match handled.instrument(span.clone()).await {
        Ok(Ok(response)) => response.map_into_boxed_body(),
        Ok(Err(error)) => {
            record(error.as_response_error().status_code().as_u16());
            return Err(error);
        }
        Err(panic) => {
            let reason = reason_of(panic.as_ref());
            tracing::error!(parent: &span, reason, "a handler crashed");
            record(500);
            return Err(Problem::crashed(&path).into());
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    record(response.status().as_u16());
    Ok(response)
}
