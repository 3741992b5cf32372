//! The provider's WebSocket to a live conversation. Of its commands only `end_call` is known.

use actix_web::{HttpRequest, HttpResponse, rt, web};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};

use super::behaviour::Termination;
use super::call::EndReason;
use super::operator::Operator;
use super::refusal;
use crate::provider::elevenlabs::wire::MonitorCommand;

/// `GET /v1/convai/conversations/{id}/monitor`
pub(super) async fn watch(
    request: HttpRequest,
    payload: web::Payload,
    operator: web::Data<Operator>,
    conversation_id: web::Path<String>,
) -> actix_web::Result<HttpResponse> {
    let live =
        operator.board().call(&conversation_id).filter(|call| !call.deleted).map(super::call::SimulatedCall::is_live);
    match live {
        None => return Ok(refusal::conversation_not_found(&conversation_id)),
        Some(false) => return Ok(refusal::conversation_over(&conversation_id)),
        Some(true) => {}
    }
    let (response, session, messages) = actix_ws::handle(&request, payload)?;
    let operator = operator.get_ref().clone();
    rt::spawn(converse(operator, conversation_id.into_inner(), session, messages));
    Ok(response)
}

async fn converse(operator: Operator, conversation_id: String, mut session: Session, mut messages: MessageStream) {
    while let Some(Ok(message)) = messages.recv().await {
        match message {
            Message::Ping(bytes) if session.pong(&bytes).await.is_err() => return,
            Message::Text(text) if matches!(serde_json::from_str(&text), Ok(MonitorCommand::EndCall)) => {
                let reason = end_call(&operator, &conversation_id);
                // The client may be gone already.
                let _ = session.close(Some(reason)).await;
                return;
            }
            Message::Close(reason) => {
                let _ = session.close(reason).await;
                return;
            }
            _ => {}
        }
    }
}

fn end_call(operator: &Operator, conversation_id: &str) -> CloseReason {
    if operator.board().behaviour.take_termination() == Termination::Refuse {
        return (CloseCode::Error, "The call cannot be ended").into();
    }
    match operator.hang_up(conversation_id, EndReason::Monitor) {
        Ok(()) => (CloseCode::Normal, "The call was ended").into(),
        Err(_) => (CloseCode::Normal, "The call was over").into(),
    }
}
