//! The provider's routes that dial, with every way in which dialling goes wrong.
//! A placement runs as a task of its own: a client that goes away does not stop a real provider either.

use actix_web::{HttpResponse, rt, web};
use futures_util::{future, stream};

use super::behaviour::{Behaviour, PlacementFault};
use super::call::{CallSetup, EndReason, Trunk};
use super::notice::Notice;
use super::operator::{Operator, pause};
use super::refusal;
use super::switchboard::Epoch;
use crate::provider::elevenlabs::wire::{OutboundCallRequest, SipOutboundResponse, TwilioOutboundResponse};
use crate::sources;

/// The agents' side of every simulated call.
pub(super) const AGENT_NUMBER: &str = "+15005550006";

/// `POST /v1/convai/twilio/outbound-call`
pub(super) async fn place_by_twilio(operator: web::Data<Operator>, body: web::Bytes) -> HttpResponse {
    place(&operator, Trunk::Twilio, &body).await
}

/// `POST /v1/convai/sip-trunk/outbound-call`
pub(super) async fn place_by_sip(operator: web::Data<Operator>, body: web::Bytes) -> HttpResponse {
    place(&operator, Trunk::Sip, &body).await
}

/// What the client is told.
enum Answer {
    Placed { conversation_id: String, call_sid: String },
    SuccessFalse,
    TooManyRequests { retry_after_seconds: Option<u64> },
    Unprocessable,
    InternalError,
    Silence,
    Reset,
}

async fn place(operator: &Operator, trunk: Trunk, body: &[u8]) -> HttpResponse {
    let request: OutboundCallRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refusal::unprocessable("body", "request", &error.to_string()),
    };
    let placement = Placement::new(operator.clone(), trunk, request);
    match rt::spawn(placement.run()).await {
        Ok(Answer::Placed { conversation_id, call_sid }) => placed(trunk, Some(conversation_id), Some(call_sid)),
        Ok(Answer::SuccessFalse) => placed(trunk, None, None),
        Ok(Answer::TooManyRequests { retry_after_seconds }) => refusal::concurrent_limit(retry_after_seconds),
        Ok(Answer::Unprocessable) => refusal::unprocessable("body", "to_number", "The number cannot be dialled"),
        Ok(Answer::InternalError) | Err(_) => refusal::internal_error(),
        Ok(Answer::Silence) => future::pending().await,
        Ok(Answer::Reset) => connection_reset(),
    }
}

/// One placement, with the behaviour as it was when the request arrived.
struct Placement {
    operator: Operator,
    trunk: Trunk,
    request: OutboundCallRequest,
    behaviour: Behaviour,
    fault: PlacementFault,
    epoch: Epoch,
}

impl Placement {
    fn new(operator: Operator, trunk: Trunk, request: OutboundCallRequest) -> Self {
        let (behaviour, fault, epoch) = {
            let mut board = operator.board();
            let fault = board.behaviour.take_placement();
            (board.behaviour.clone(), fault, board.epoch())
        };
        Self { operator, trunk, request, behaviour, fault, epoch }
    }

    async fn run(self) -> Answer {
        if let Some(answer) = self.refusal_before_dial() {
            self.answer_delay().await;
            return answer;
        }
        pause(self.behaviour.dial_delay_ms).await;
        let setup = self.setup();
        let (conversation_id, call_sid) = (setup.conversation_id.clone(), setup.call_sid.clone());
        if let Some(answer) = self.dial(setup) {
            self.answer_delay().await;
            return answer;
        }
        if self.fault != PlacementFault::SipBlock {
            self.operator.connect(&conversation_id);
        }
        self.announce(&conversation_id).await;
        if self.fault == PlacementFault::HangAfterDial {
            return Answer::Silence;
        }
        self.answer_delay().await;
        self.operator.connect(&conversation_id);
        match self.fault {
            PlacementFault::InternalErrorAfterDial => Answer::InternalError,
            PlacementFault::ResetAfterDial => Answer::Reset,
            _ => Answer::Placed { conversation_id, call_sid },
        }
    }

    fn refusal_before_dial(&self) -> Option<Answer> {
        match self.fault {
            PlacementFault::TooManyRequests => {
                self.operator.board().count_rejection();
                Some(self.too_many_requests())
            }
            PlacementFault::Unprocessable => Some(Answer::Unprocessable),
            PlacementFault::InternalError => Some(Answer::InternalError),
            PlacementFault::SuccessFalse => Some(Answer::SuccessFalse),
            PlacementFault::Ok
            | PlacementFault::InternalErrorAfterDial
            | PlacementFault::HangAfterDial
            | PlacementFault::SipBlock
            | PlacementFault::ResetAfterDial => None,
        }
    }

    /// Dials; an answer if that was refused. A placement from before a reset is not dialled after it.
    fn dial(&self, setup: CallSetup) -> Option<Answer> {
        let mut board = self.operator.board();
        if board.epoch() != self.epoch {
            return Some(Answer::InternalError);
        }
        board.dial(setup, sources::now()).err().map(|_| self.too_many_requests())
    }

    /// The webhooks that overtake the answer.
    async fn announce(&self, conversation_id: &str) {
        if self.behaviour.failure_webhook_first {
            let ended = self.operator.board().hang_up(conversation_id, EndReason::Busy, sources::now());
            if ended.is_ok() {
                self.operator.announce(conversation_id, Notice::InitiationFailure).await;
            }
        } else if self.behaviour.webhooks.outbound_started {
            self.operator.announce(conversation_id, Notice::Started).await;
        }
    }

    async fn answer_delay(&self) {
        pause(self.behaviour.answer_delay_ms).await;
    }

    fn too_many_requests(&self) -> Answer {
        Answer::TooManyRequests { retry_after_seconds: self.behaviour.retry_after_seconds }
    }

    fn setup(&self) -> CallSetup {
        let request = self.request.clone();
        CallSetup {
            conversation_id: new_conversation_id(),
            call_sid: new_call_sid(self.trunk),
            trunk: self.trunk,
            agent_id: request.agent_id,
            phone_number_id: Some(request.agent_phone_number_id),
            agent_number: AGENT_NUMBER.to_owned(),
            external_number: request.to_number,
            client_data: request.conversation_initiation_client_data.unwrap_or_default(),
        }
    }
}

/// A conversation's id, as the provider makes them.
pub(super) fn new_conversation_id() -> String {
    format!("conv_{}", sources::new_uuid().simple())
}

/// A call's id, as its carrier makes them.
pub(super) fn new_call_sid(trunk: Trunk) -> String {
    let prefix = match trunk {
        Trunk::Twilio => "CA",
        Trunk::Sip => "SCL_",
    };
    format!("{prefix}{}", sources::new_uuid().simple())
}

fn placed(trunk: Trunk, conversation_id: Option<String>, call_sid: Option<String>) -> HttpResponse {
    let success = Some(conversation_id.is_some());
    let message = Some(if conversation_id.is_some() { "Success" } else { "The call was not placed" }.to_owned());
    match trunk {
        Trunk::Twilio => {
            HttpResponse::Ok().json(TwilioOutboundResponse { success, message, conversation_id, call_sid })
        }
        Trunk::Sip => {
            HttpResponse::Ok().json(SipOutboundResponse { success, message, conversation_id, sip_call_id: call_sid })
        }
    }
}

/// A body that fails before its first byte: the server drops the connection without having written the head.
pub(super) fn connection_reset() -> HttpResponse {
    let failure =
        std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the simulated provider drops the connection");
    HttpResponse::Ok().streaming(stream::once(future::ready(Err::<web::Bytes, _>(failure))))
}
