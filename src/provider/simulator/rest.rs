//! The carrier's own API: how a call stands, and to end it.

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::behaviour::Termination;
use super::call::{EndReason, Trunk};
use super::exchange::CarrierStatus;
use super::operator::Operator;
use super::switchboard::Switchboard;
use crate::provider::twilio::form::Form;

type Names = (String, String);

/// `GET /2010-04-01/Accounts/{account}/Calls/{call}.json`
pub(super) async fn show(request: HttpRequest, operator: web::Data<Operator>, names: web::Path<Names>) -> HttpResponse {
    if !is_account(&request, &operator, &names.0) {
        return refused(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    match standing(&operator.board(), &names.1) {
        Some((status, _)) => shown(&names.1, status),
        None => unknown(),
    }
}

/// `POST` of the same: only `Status=completed` is known.
pub(super) async fn change(
    request: HttpRequest,
    operator: web::Data<Operator>,
    names: web::Path<Names>,
    body: web::Bytes,
) -> HttpResponse {
    if !is_account(&request, &operator, &names.0) {
        return refused(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    let asked = Form::read(&body).ok();
    if asked.as_ref().and_then(|form| form.text("Status")) != Some("completed") {
        return refused(StatusCode::BAD_REQUEST, 20001, "Only Status=completed is known");
    }
    let call_sid = &names.1;
    let (status, conversation_id) = {
        let mut board = operator.board();
        let Some(standing) = standing(&board, call_sid) else { return unknown() };
        if standing.0.is_over() {
            return refused(StatusCode::BAD_REQUEST, 21220, "Call is not in-progress. Cannot redirect.");
        }
        if board.behaviour.take_termination() == Termination::Refuse {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, 20500, "Internal Server Error");
        }
        standing
    };
    if let Some(conversation_id) = conversation_id {
        // Somebody may have hung up just before.
        let _ = operator.hang_up(&conversation_id, EndReason::Carrier);
    } else {
        if let Some(call) = operator.board().exchange.call_mut(call_sid) {
            call.status = CarrierStatus::Completed;
        }
        operator.report_later(call_sid, CarrierStatus::Completed);
    }
    // Accepted; the call is over soon.
    shown(call_sid, status)
}

/// How a call stands, and the conversation that it is connected to.
fn standing(board: &Switchboard, call_sid: &str) -> Option<(CarrierStatus, Option<String>)> {
    let carried =
        |call: &&super::call::SimulatedCall| call.setup.trunk == Trunk::Twilio && call.setup.call_sid == call_sid;
    if let Some(call) = board.calls().iter().find(carried) {
        return Some((CarrierStatus::of(call), Some(call.setup.conversation_id.clone())));
    }
    board.exchange.call(call_sid).map(|call| (call.status, None))
}

/// Basic authentication: the account and its token; without a configured one, anything.
fn is_account(request: &HttpRequest, operator: &Operator, account_sid: &str) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(decoded) = header.and_then(|text| text.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok())
    else {
        return false;
    };
    match operator.account() {
        Some(account) => {
            account.sid == account_sid && decoded == format!("{}:{}", account.sid, account.auth_token).into_bytes()
        }
        None => !decoded.is_empty(),
    }
}

fn shown(call_sid: &str, status: CarrierStatus) -> HttpResponse {
    HttpResponse::Ok().json(json!({"sid": call_sid, "status": status}))
}

fn unknown() -> HttpResponse {
    refused(StatusCode::NOT_FOUND, 20404, "The requested resource was not found")
}

fn refused(status: StatusCode, code: u32, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"code": code, "message": message, "status": status.as_u16()}))
}
