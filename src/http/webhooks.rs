//! What the provider sends. Answered 2xx only after what it says is stored.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::task::JoinError;

use super::body;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::inbound::{IntakeError, Outcome, Received, initiation_notice};
use crate::provider::elevenlabs::signature::{Claim, SignatureError, secret_fits};
use crate::provider::elevenlabs::webhook;
use crate::sources;

/// Audio comes in the body.
const LIMIT: usize = 25 * 1024 * 1024;

/// `POST /api/webhooks/elevenlabs`
pub(super) async fn elevenlabs(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let forged = |error: SignatureError| Problem::new("INVALID_SIGNATURE", error.to_string(), &request);
    // The header first: nobody unknown gets 25 MiB of our memory.
    let claim = if state.webhooks.is_open() {
        None
    } else {
        let header = request.headers().get("ElevenLabs-Signature").map(|value| value.to_str().unwrap_or_default());
        Some(Claim::read(header, state.webhooks.tolerance, sources::now()).map_err(forged)?)
    };
    let body = {
        let _place = state.webhook_bodies.acquire().await;
        body::read(payload, LIMIT, &request).await?
    };
    if let Some(claim) = claim {
        claim.verify(&body, &state.webhooks.secrets()).map_err(forged)?;
    }
    let entered = state.gate.enter().map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let read = webhook::read(&body).map_err(|error| Problem::invalid(error.to_string(), &request))?;
    let Some(notice) = read.notice else {
        state.gate.metrics().record_webhook("other", "ignored");
        return Ok(answer(&Outcome { word: "ignored", call_id: None }));
    };
    let received = Received {
        body_hash: hex::encode(Sha256::digest(&body)),
        event_type: read.event_type.clone(),
        notice,
        trace: request::trace(&request, "webhook"),
    };
    let intake = state.gate.intake().clone();
    // The work goes on where the provider hangs up on us, and counts as in flight until it is done.
    let work = async move {
        let _entered = entered;
        intake.receive(received).await
    };
    let outcome = actix::spawn(work).await;
    let outcome = settled(outcome, &state, &request)?;
    state.gate.metrics().record_webhook(&read.event_type, outcome.word);
    Ok(answer(&outcome))
}

pub(super) fn settled<T>(
    outcome: Result<Result<T, IntakeError>, JoinError>,
    state: &AppState,
    request: &HttpRequest,
) -> Result<T, Problem> {
    let crashed = |error: JoinError| IntakeError(error.to_string());
    let failed = |error| Problem::intake(&error, &state.gate, request);
    outcome.map_err(crashed).map_err(failed)?.map_err(failed)
}

pub(super) fn answer(outcome: &Outcome) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "received": true, "outcome": outcome.word, "callId": outcome.call_id }))
}

/// `POST /api/webhooks/elevenlabs/initiation`
pub(super) async fn initiation(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(payload, body::JSON_LIMIT, &request).await?;
    let claimed = request.headers().get("X-Callgate-Secret").map(HeaderValue::to_str);
    let fits = matches!(claimed, Some(Ok(claimed)) if secret_fits(claimed, &state.webhooks.secrets()));
    if !fits && !state.webhooks.is_open() {
        let detail = "the header X-Callgate-Secret is missing or fits none of the configured secrets";
        return Err(Problem::new("INVALID_SIGNATURE", detail, &request));
    }
    let invalid = |error: &dyn std::fmt::Display| Problem::invalid(error.to_string(), &request);
    let asked = webhook::read_initiation(&body).map_err(|error| invalid(&error))?;
    let agent_id = asked.agent_id.parse().map_err(|error| invalid(&error))?;
    let received = Received {
        body_hash: hex::encode(Sha256::digest(&body)),
        event_type: "initiation".to_owned(),
        notice: initiation_notice(agent_id, &asked.call_sid, asked.caller_id.as_deref(), sources::now()),
        trace: request::trace(&request, "initiation"),
    };
    let entered = state.gate.enter().map_err(|error| Problem::of(&error, &state.gate, &request))?;
    let intake = state.gate.intake().clone();
    let work = async move {
        let _entered = entered;
        intake.initiate(received).await
    };
    let outcome = actix::spawn(work).await;
    let (outcome, has_room) = settled(outcome, &state, &request)?;
    state.gate.metrics().record_webhook("initiation", outcome.word);
    Ok(HttpResponse::Ok().json(json!({
        "type": "conversation_initiation_client_data",
        "dynamic_variables": {
            "callgate_call_id": outcome.call_id.map(|id| id.to_string()).unwrap_or_default(),
            "callgate_capacity": if has_room { "ok" } else { "full" },
        },
    })))
}
