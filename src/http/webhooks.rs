//! What the provider sends. Answered 2xx only after what it says is stored.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::task::JoinError;
use utoipa::ToSchema;

use super::body;
use super::openapi::problems::{BUSY, RAW_BODY, SIGNATURE, STORE, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::inbound::{IntakeError, Outcome, Received, initiation_notice};
use crate::domain::ids::{AgentId, CallId};
use crate::provider::elevenlabs::signature::{Claim, SignatureError, secret_fits};
use crate::provider::elevenlabs::webhook;
use crate::sources;

/// Audio comes in the body.
const LIMIT: usize = 25 * 1024 * 1024;

/// What became of a webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookReceipt, examples(json!({
    "received": true, "outcome": "ended", "callId": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03"
})))]
pub(super) struct Receipt {
    /// Always true: what it says is stored.
    received: bool,
    /// `admitted`, `terminated_capacity`, `inbound_disabled`, `bound`, `ended`, `failed`, `duplicate`, `parked`, `ignored`, …
    outcome: &'static str,
    /// The call that it is about, where one is known.
    #[schema(required)]
    call_id: Option<CallId>,
}

/// A webhook of the provider. Fields are looked for at the top and under `data`; others are not kept.
///
/// Only what the documentation shows: the body is read by hand, since platforms relay it in several forms.
#[derive(ToSchema)]
#[schema(as = ElevenLabsWebhook, examples(
    json!({"type": "conversation.started", "conversation_id": "conv_1", "agent_id": "agent_1", "metadata": {}}),
    json!({"type": "conversation.ended", "conversation_id": "conv_1", "agent_id": "agent_1"}),
    json!({"type": "post_call_transcription", "event_timestamp": 1_769_508_000, "data": {
        "conversation_id": "conv_1", "agent_id": "agent_1", "status": "done", "metadata": {"call_duration_secs": 42}
    }}),
    json!({"type": "call_initiation_failure", "event_timestamp": 1_769_508_000, "data": {
        "conversation_id": "conv_1", "agent_id": "agent_1", "failure_reason": "busy"
    }}),
))]
#[expect(dead_code, reason = "the shape of a body, for the document")]
struct WebhookShape {
    /// `conversation.started` and `conversation.ended` (also with `_`), `post_call_transcription`, `post_call_audio`,
    /// `call_initiation_failure`; all else is answered 200 and ignored.
    #[schema(min_length = 1)]
    r#type: String,
}

/// What the provider asks before an inbound call talks.
#[derive(ToSchema)]
#[schema(as = InitiationRequest, examples(json!({
    "caller_id": "+14155550123", "agent_id": "agent_1", "called_number": "+14155550199", "call_sid": "CA0123456789abcdef0123456789abcdef"
})))]
#[expect(dead_code, reason = "the shape of a body, for the document")]
struct InitiationShape {
    /// Who calls.
    caller_id: Option<String>,
    /// Who is to talk.
    agent_id: AgentId,
    /// Which number was called.
    called_number: Option<String>,
    /// The carrier's name for the call.
    #[schema(min_length = 1, max_length = 256, pattern = "^[!-~]*$")]
    call_sid: String,
}

/// What the agent is told of an inbound call.
#[derive(Serialize, ToSchema)]
#[schema(as = Initiation, examples(json!({
    "type": "conversation_initiation_client_data",
    "dynamic_variables": {"callgate_call_id": "01974a5c-9e10-7c3d-8b6f-2d415e7a9c03", "callgate_capacity": "ok"}
})))]
struct InitiationView {
    /// Always `conversation_initiation_client_data`.
    r#type: &'static str,
    dynamic_variables: InitiationVariables,
}

/// Variables of a conversation.
#[derive(Serialize, ToSchema)]
struct InitiationVariables {
    /// The call; empty where it has none.
    callgate_call_id: String,
    /// Whether it may stay.
    callgate_capacity: Room,
}

/// Whether there is room for a call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Room {
    /// It has a slot.
    Ok,
    /// It has none.
    Full,
}

problems!(
    /// Why a webhook is not taken.
    pub(super) NotTaken: RAW_BODY, SIGNATURE, STORE, BUSY
);

/// Receive a webhook of the provider.
#[utoipa::path(
    post,
    path = "/api/webhooks/elevenlabs",
    tag = "Webhooks",
    operation_id = "receiveElevenLabsWebhook",
    description = "At most 25 MiB. A delivery that comes again changes nothing. Without a 2xx the provider is to deliver it again.",
    request_body(content = WebhookShape, description = "The raw body is what is signed."),
    responses((status = 200, description = "It is stored, or ignored.", body = Receipt), NotTaken),
    security(("elevenLabsSignature" = [])),
)]
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
    HttpResponse::Ok().json(Receipt { received: true, outcome: outcome.word, call_id: outcome.call_id })
}

/// Admit an inbound call before it talks.
#[utoipa::path(
    post,
    path = "/api/webhooks/elevenlabs/initiation",
    tag = "Webhooks",
    operation_id = "initiateElevenLabsCall",
    description = "The provider's conversation-initiation webhook.",
    request_body(content = InitiationShape),
    responses((status = 200, description = "What the agent is told.", body = InitiationView), NotTaken),
    security(("callgateSecret" = [])),
)]
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
    Ok(HttpResponse::Ok().json(InitiationView {
        r#type: "conversation_initiation_client_data",
        dynamic_variables: InitiationVariables {
            callgate_call_id: outcome.call_id.map(|id| id.to_string()).unwrap_or_default(),
            callgate_capacity: if has_room { Room::Ok } else { Room::Full },
        },
    }))
}
