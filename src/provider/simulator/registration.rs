//! The provider's route that expects a call, which a carrier then connects. It is live only once that happens.

use actix_web::{HttpResponse, web};
use futures_util::future;

use super::behaviour::PlacementFault;
use super::call::{CallSetup, Trunk};
use super::operator::{Operator, pause};
use super::placement::{connection_reset, new_conversation_id};
use super::refusal;
use crate::provider::elevenlabs::wire::RegisterCallRequest;

/// `POST /v1/convai/twilio/register-call`: the same faults as a placement.
pub(super) async fn register(operator: web::Data<Operator>, body: web::Bytes) -> HttpResponse {
    let request: RegisterCallRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refusal::unprocessable("body", "request", &error.to_string()),
    };
    let (fault, delay, retry_after) = {
        let mut board = operator.board();
        let mut fault = board.behaviour.take_placement();
        if fault == PlacementFault::Ok && board.counts().live >= board.behaviour.cap {
            fault = PlacementFault::TooManyRequests;
        }
        if fault == PlacementFault::TooManyRequests {
            board.count_rejection();
        }
        (fault, board.behaviour.answer_delay_ms, board.behaviour.retry_after_seconds)
    };
    let expect = || {
        let conversation_id = new_conversation_id();
        operator.board().exchange.expect(setup_of(request, conversation_id.clone()));
        conversation_id
    };
    match fault {
        PlacementFault::TooManyRequests => refusal::concurrent_limit(retry_after),
        PlacementFault::Unprocessable | PlacementFault::SuccessFalse => {
            refusal::unprocessable("body", "agent_id", "The call cannot be registered")
        }
        PlacementFault::InternalError => refusal::internal_error(),
        PlacementFault::InternalErrorAfterDial => {
            expect();
            refusal::internal_error()
        }
        PlacementFault::HangAfterDial => {
            expect();
            future::pending().await
        }
        PlacementFault::ResetAfterDial => {
            expect();
            connection_reset()
        }
        PlacementFault::Ok | PlacementFault::SipBlock => {
            let conversation_id = expect();
            pause(delay).await;
            HttpResponse::Ok().content_type("application/xml").body(twiml_of(&conversation_id))
        }
    }
}

fn setup_of(request: RegisterCallRequest, conversation_id: String) -> CallSetup {
    CallSetup {
        conversation_id,
        // The carrier names it when it connects it.
        call_sid: String::new(),
        trunk: Trunk::Twilio,
        agent_id: request.agent_id,
        phone_number_id: None,
        agent_number: request.to_number,
        external_number: request.from_number,
        client_data: request.conversation_initiation_client_data.unwrap_or_default(),
    }
}

/// What connects a call to its conversation.
fn twiml_of(conversation_id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect><Stream url=\"wss://127.0.0.1/v1/convai/conversation\"><Parameter name=\"{CONVERSATION}\" value=\"{conversation_id}\"/></Stream></Connect></Response>"
    )
}

/// The parameter that names the conversation.
const CONVERSATION: &str = "conversation_id";

/// The conversation that TwiML connects a call to.
pub(super) fn conversation_in(twiml: &str) -> Option<&str> {
    let (_, after) = twiml.split_once("<Connect>")?;
    let (_, after) = after.split_once(&format!("name=\"{CONVERSATION}\" value=\""))?;
    after.split_once('"').map(|(conversation_id, _)| conversation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversation_is_in_its_twiml_and_in_no_refusal() {
        assert_eq!(conversation_in(&twiml_of("conv_1")), Some("conv_1"));
        assert_eq!(conversation_in("<Response><Reject reason=\"busy\"/></Response>"), None);
    }
}
