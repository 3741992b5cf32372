//! The carrier of numbers that are not the provider's: it asks the gate's voice address what to do with a call, does
//! it, and says when the call is over.

use std::time::Duration;

use actix_web::{HttpResponse, rt, web};
use serde_json::json;
use tokio::time::sleep;

use super::call::Trunk;
use super::exchange::{CarrierCall, CarrierStatus};
use super::inbound::InboundCall;
use super::notice::Notice;
use super::operator::Operator;
use super::placement::new_call_sid;
use super::refusal::ControlRefusal;
use super::registration::conversation_in;
use crate::sources;

/// Between two attempts to say that a call is over.
const BACK_OFF: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// `POST /sim/inbound` with the door `twilio`.
pub(super) async fn ring_in(operator: web::Data<Operator>, call: InboundCall) -> actix_web::Result<HttpResponse> {
    let voice_url = operator.board().targets.voice.clone().ok_or(ControlRefusal::NoVoiceUrl)?;
    let url = match &call.agent_id {
        Some(agent_id) => format!("{voice_url}?agentId={agent_id}"),
        None => voice_url,
    };
    let call_sid = call.call_sid.unwrap_or_else(|| new_call_sid(Trunk::Twilio));
    let ringing = CarrierCall {
        call_sid: call_sid.clone(),
        from: call.from,
        to: call.to,
        status: CarrierStatus::Ringing,
        conversation_id: None,
        told: None,
    };
    let form = operator.form_of(&ringing, CarrierStatus::Ringing);
    operator.board().exchange.ring(ringing);
    let told = operator.post_form(&url, &form).await;
    let conversation_id = operator.obey(&call_sid, told.clone());
    if let (Some(conversation_id), true) = (&conversation_id, call.webhook) {
        operator.announce_later(conversation_id, Notice::Started);
    }
    let (status, answer) = told.unzip();
    Ok(HttpResponse::Ok().json(json!({
        "callSid": call_sid, "conversationId": conversation_id, "answerStatus": status, "answer": answer,
    })))
}

impl Operator {
    /// Does what the gate said; the conversation, if the call is connected.
    fn obey(&self, call_sid: &str, told: Option<(u16, String)>) -> Option<String> {
        let connected = match &told {
            Some((200, twiml)) => conversation_in(twiml).and_then(|id| self.stream(call_sid, id)),
            _ => None,
        };
        let ended = match &told {
            Some((200, twiml)) if twiml.contains("<Reject") => CarrierStatus::Busy,
            Some((200, twiml)) if twiml.contains("<Hangup") => CarrierStatus::Completed,
            _ => CarrierStatus::Failed,
        };
        let was_ringing = {
            let mut board = self.board();
            let call = board.exchange.call_mut(call_sid)?;
            call.told = told;
            call.conversation_id.clone_from(&connected);
            let was_ringing = !call.status.is_over();
            if was_ringing {
                call.status = if connected.is_some() { CarrierStatus::InProgress } else { ended };
            }
            was_ringing
        };
        match &connected {
            Some(conversation_id) => self.connect(conversation_id),
            None if was_ringing => self.report_later(call_sid, ended),
            None => {}
        }
        connected
    }

    /// The call reaches its conversation, which is live from here on; nothing where none is expected, or the call is over.
    fn stream(&self, call_sid: &str, conversation_id: &str) -> Option<String> {
        let mut board = self.board();
        if board.exchange.call(call_sid)?.status.is_over() {
            return None;
        }
        let mut setup = board.exchange.take_expected(conversation_id)?;
        call_sid.clone_into(&mut setup.call_sid);
        board.ring_in(setup, sources::now()).ok()?;
        Some(conversation_id.to_owned())
    }

    /// Says in the background that the call behind a conversation is over, if a carrier's call is.
    pub(super) fn report_end(&self, conversation_id: &str) {
        let ended = {
            let mut board = self.board();
            let status = board.call(conversation_id).map(CarrierStatus::of);
            let call_sid = board.exchange.connected_to(conversation_id).map(|call| call.call_sid.clone());
            let Some((call_sid, status)) = call_sid.zip(status) else { return };
            if let Some(call) = board.exchange.call_mut(&call_sid) {
                call.status = status;
            }
            (call_sid, status)
        };
        self.report_later(&ended.0, ended.1);
    }

    /// Tells the status address, in the background, again where it did not listen.
    pub(super) fn report_later(&self, call_sid: &str, status: CarrierStatus) {
        let (url, form) = {
            let board = self.board();
            let Some(url) = board.targets.status.clone() else { return };
            let Some(call) = board.exchange.call(call_sid) else { return };
            (url, self.form_of(call, status))
        };
        let operator = self.clone();
        rt::spawn(async move {
            let mut back_off = BACK_OFF.iter();
            loop {
                match operator.post_form(&url, &form).await {
                    Some((status, _)) if status < 500 => return,
                    _ => {}
                }
                match back_off.next() {
                    Some(pause) => sleep(*pause).await,
                    None => return,
                }
            }
        });
    }
}
