//! Every route in one table, and what surrounds them all: request ids, the log line, the duration, a crash as 500.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{FromRequest, Handler, HttpMessage, HttpRequest, Resource, Responder, Route, web};
use futures_util::FutureExt;
use tracing::Instrument;

use super::problem::Problem;
use super::request::RequestId;
use super::{
    agents, businesses, calls, concurrency, dashboard, debug, do_not_call, doors, events, health, metrics, openapi,
    overview, phone_numbers, pools, reconciliations, twilio, webhooks,
};
use crate::actors::guardian::reason_of;
use crate::sources;

/// A path, and what may be done there.
pub(super) struct Place {
    path: &'static str,
    methods: Vec<(Method, Route)>,
}

/// A path where nothing may be done yet.
fn at(path: &'static str) -> Place {
    Place { path, methods: Vec::new() }
}

macro_rules! method {
    ($(#[$doc:meta])* $name:ident, $method:expr) => {
        $(#[$doc])*
        fn $name<F, Args>(self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.with($method, web::method($method).to(handler))
        }
    };
}

impl Place {
    fn with(mut self, method: Method, route: Route) -> Self {
        self.methods.push((method, route));
        self
    }

    /// GET, and HEAD, which asks for the same without the body (RFC 9110, 9.3.2).
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args> + Clone,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.endless(handler.clone()).with(Method::HEAD, web::head().to(handler))
    }

    method!(
        /// GET of what never ends: a HEAD would not either.
        endless,
        Method::GET
    );
    method!(post, Method::POST);
    method!(put, Method::PUT);
    method!(delete, Method::DELETE);

    /// What may be done here, as the header `Allow` says it.
    fn allow(&self) -> String {
        let mut names: Vec<_> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        names.sort_unstable();
        names.join(", ")
    }

    /// The path with its routes; other methods are answered with 405.
    fn resource(self) -> Resource {
        let allow = self.allow();
        let refuse = move |request: HttpRequest| {
            let problem = Problem::method_not_allowed(&allow, &request);
            async move { Err::<web::Bytes, _>(problem) }
        };
        let resource = web::resource(self.path).default_service(web::to(refuse));
        self.methods.into_iter().fold(resource, |resource, (_, route)| resource.route(route))
    }
}

/// Every path of the gate.
fn places() -> Vec<Place> {
    vec![
        at("/").get(dashboard::page),
        at("/assets/{path:.*}").get(dashboard::asset),
        at("/api/calls").get(calls::list).post(calls::post),
        at("/api/calls/{callId}").get(calls::get).delete(calls::delete),
        at("/api/calls/{callId}/events").get(calls::events),
        at("/api/calls/{callId}/force-end").post(calls::force_end),
        at("/api/assistants/{agentId}/test-call").post(doors::agent),
        at("/api/phone-numbers/{phoneNumberId}/test-call").post(doors::phone_number),
        at("/api/demo/request-call").post(doors::demo),
        at("/api/businesses").get(businesses::list),
        at("/api/businesses/{businessId}").get(businesses::get).put(businesses::put).delete(businesses::delete),
        at("/api/businesses/{businessId}/agents").get(agents::list),
        at("/api/businesses/{businessId}/agents/{agentId}").put(agents::put).delete(agents::delete),
        at("/api/businesses/{businessId}/phone-numbers").get(phone_numbers::list),
        at("/api/businesses/{businessId}/phone-numbers/{phoneNumberId}")
            .put(phone_numbers::put)
            .delete(phone_numbers::delete),
        at("/api/businesses/{businessId}/do-not-call/{e164}").put(do_not_call::put).delete(do_not_call::delete),
        at("/api/pools/default").get(pools::get).put(pools::put),
        at("/api/reconciliations").get(reconciliations::list).post(reconciliations::post),
        at("/api/webhooks/elevenlabs").post(webhooks::elevenlabs),
        at("/api/webhooks/elevenlabs/initiation").post(webhooks::initiation),
        at("/api/webhooks/twilio/voice").post(twilio::voice),
        at("/api/webhooks/twilio/status").post(twilio::status),
        at("/api/concurrent-metrics").get(concurrency::summary),
        at("/api/concurrent-metrics/status").get(concurrency::status),
        at("/api/concurrent-metrics/events").get(concurrency::events),
        at("/api/concurrent-metrics/prometheus").get(metrics::get_prometheus),
        at("/api/overview").get(overview::get),
        at("/api/overview/history").get(overview::history),
        at("/api/events/stream").endless(events::stream),
        at("/metrics").get(metrics::get),
        at("/debug/actors").get(debug::get),
        at("/debug/actors/capacity").get(debug::capacity::get),
        at("/debug/actors/journal").get(debug::journal::get),
        at("/debug/actors/supervisor").get(debug::supervisor::get),
        at("/debug/actors/sessions/{callId}").get(debug::session::get),
        at("/health/live").get(health::live),
        at("/health/ready").get(health::ready),
        at("/openapi.json").get(openapi::get),
        at("/docs").get(openapi::page::get),
        at("/docs/{part}").get(openapi::page::part),
    ]
}

/// Every path and method, for whoever compares.
#[cfg(test)]
pub(super) fn operations() -> Vec<(&'static str, Method)> {
    let methods = |place: Place| place.methods.into_iter().map(move |(method, _)| (place.path, method));
    places().into_iter().flat_map(methods).collect()
}

/// Registers every route.
pub fn configure(app: &mut web::ServiceConfig) {
    for place in places() {
        app.service(place.resource());
    }
    app.default_service(web::to(|request: HttpRequest| async move {
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
