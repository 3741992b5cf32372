//! The routes under `/sim`: they watch the provider and make it misbehave. Never part of the gate.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::call::EndReason;
use super::fields::Fields;
use super::notice::Notice;
use super::operator::Operator;
use super::refusal::{BadRequest, ControlRefusal};

/// `GET /sim/state`
pub(super) async fn state(operator: web::Data<Operator>) -> HttpResponse {
    HttpResponse::Ok().json(operator.board().report())
}

/// `POST /sim/reset`
pub(super) async fn reset(operator: web::Data<Operator>) -> HttpResponse {
    let mut board = operator.board();
    board.reset();
    HttpResponse::Ok().json(board.report())
}

/// `GET /sim/behaviour`
pub(super) async fn behaviour(operator: web::Data<Operator>) -> HttpResponse {
    HttpResponse::Ok().json(&operator.board().behaviour)
}

/// `PUT /sim/behaviour`: changes the keys that are given.
pub(super) async fn change_behaviour(
    operator: web::Data<Operator>,
    body: web::Bytes,
) -> Result<HttpResponse, BadRequest> {
    let update: Value =
        serde_json::from_slice(&body).map_err(|error| BadRequest::new(format!("the body is not JSON: {error}")))?;
    let mut board = operator.board();
    board.behaviour = board.behaviour.updated(&update)?;
    Ok(HttpResponse::Ok().json(&board.behaviour))
}

/// `PUT /sim/webhook`: where webhooks, and the carrier's questions and reports, go from now on; `null` sends them nowhere.
pub(super) async fn change_targets(
    operator: web::Data<Operator>,
    body: web::Bytes,
) -> Result<HttpResponse, BadRequest> {
    let mut fields = Fields::read(&body)?;
    let mut targets = operator.board().targets.clone();
    if fields.has("url") {
        targets.webhook = fields.take("url")?;
    }
    if fields.has("initiationUrl") {
        targets.initiation = fields.take("initiationUrl")?;
    }
    if fields.has("voiceUrl") {
        targets.voice = fields.take("voiceUrl")?;
    }
    if fields.has("statusUrl") {
        targets.status = fields.take("statusUrl")?;
    }
    fields.finish()?;
    let answer = json!({
        "url": targets.webhook, "initiationUrl": targets.initiation,
        "voiceUrl": targets.voice, "statusUrl": targets.status,
    });
    operator.board().targets = targets;
    Ok(HttpResponse::Ok().json(answer))
}

/// `POST /sim/calls/{conversationId}/hangup`
pub(super) async fn hang_up(
    operator: web::Data<Operator>,
    conversation_id: web::Path<String>,
    body: web::Bytes,
) -> actix_web::Result<HttpResponse> {
    let mut fields = Fields::read(&body)?;
    let reason = fields.take("reason")?.unwrap_or(EndReason::Completed);
    fields.finish()?;
    if !matches!(reason, EndReason::Completed | EndReason::Busy | EndReason::NoAnswer | EndReason::Failed) {
        return Err(BadRequest::new("reason: accepted are completed, busy, no-answer and failed").into());
    }
    operator.hang_up(&conversation_id, reason)?;
    answer_with_record(&operator, &conversation_id)
}

/// `POST /sim/calls/{conversationId}/webhook`: sends a webhook, again if it was sent before.
pub(super) async fn send_webhook(
    operator: web::Data<Operator>,
    conversation_id: web::Path<String>,
    body: web::Bytes,
) -> actix_web::Result<HttpResponse> {
    let mut fields = Fields::read(&body)?;
    let notice: Notice = fields.require("type")?;
    fields.finish()?;
    let answer = answer_with_record(&operator, &conversation_id)?;
    operator.announce_later(&conversation_id, notice);
    Ok(answer)
}

fn answer_with_record(operator: &Operator, conversation_id: &str) -> actix_web::Result<HttpResponse> {
    let board = operator.board();
    let call = board.call(conversation_id).ok_or(ControlRefusal::UnknownConversation)?;
    Ok(HttpResponse::Ok().json(call.record()))
}
