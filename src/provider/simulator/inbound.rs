//! `POST /sim/inbound`: somebody calls an agent, and the provider tells the gate, or the carrier asks it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{CallSetup, Trunk};
use super::carrier;
use super::fields::Fields;
use super::notice::Notice;
use super::operator::Operator;
use super::placement::{AGENT_NUMBER, new_call_sid, new_conversation_id};
use super::refusal::{BadRequest, ControlRefusal};
use crate::provider::elevenlabs::wire::ClientData;
use crate::sources;

const CALLER_NUMBER: &str = "+15005550001";

/// How a call comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// The number is the provider's: the call is live at once.
    Provider,
    /// The number is the platform's own: its carrier asks the gate first.
    Twilio,
}

/// Who calls, and what the gate learns of it.
pub(super) struct InboundCall {
    pub(super) agent_id: Option<String>,
    pub(super) call_sid: Option<String>,
    pub(super) from: String,
    pub(super) to: String,
    way: Way,
    initiation: bool,
    pub(super) webhook: bool,
}

impl InboundCall {
    fn read(body: &web::Bytes) -> Result<Self, BadRequest> {
        let mut fields = Fields::read(body)?;
        let way = fields.take("door")?.unwrap_or(Way::Provider);
        let call = Self {
            way,
            agent_id: match way {
                Way::Provider => Some(fields.require("agentId")?),
                Way::Twilio => fields.take("agentId")?,
            },
            call_sid: fields.take("callSid")?,
            from: fields.take("from")?.unwrap_or_else(|| CALLER_NUMBER.to_owned()),
            to: fields.take("to")?.unwrap_or_else(|| AGENT_NUMBER.to_owned()),
            initiation: fields.take("initiation")?.unwrap_or(false),
            webhook: fields.take("webhook")?.unwrap_or(true),
        };
        fields.finish()?;
        Ok(call)
    }
}

/// `POST /sim/inbound`
pub(super) async fn ring_in(operator: web::Data<Operator>, body: web::Bytes) -> actix_web::Result<HttpResponse> {
    let call = InboundCall::read(&body)?;
    match call.way {
        Way::Twilio => carrier::ring_in(operator, call).await,
        Way::Provider => ring_in_at_once(&operator, call).await,
    }
}

async fn ring_in_at_once(operator: &Operator, call: InboundCall) -> actix_web::Result<HttpResponse> {
    let conversation_id = new_conversation_id();
    let call_sid = call.call_sid.unwrap_or_else(|| new_call_sid(Trunk::Twilio));
    let question = json!({
        "caller_id": call.from, "agent_id": call.agent_id, "called_number": call.to, "call_sid": call_sid,
    });
    let setup = CallSetup {
        conversation_id: conversation_id.clone(),
        call_sid: call_sid.clone(),
        trunk: Trunk::Twilio,
        agent_id: call.agent_id.unwrap_or_default(),
        phone_number_id: None,
        agent_number: call.to,
        external_number: call.from,
        client_data: ClientData::default(),
    };
    operator.board().ring_in(setup, sources::now()).map_err(|_| ControlRefusal::AtCapacity)?;
    let initiation = if call.initiation { operator.ask_initiation(&question).await } else { None };
    let initiation_status = initiation.map(|(status, answer)| {
        add_variables(operator, &conversation_id, answer);
        status
    });
    operator.connect(&conversation_id);
    if call.webhook {
        operator.announce_later(&conversation_id, Notice::Started);
    }
    Ok(HttpResponse::Ok().json(json!({
        "conversationId": conversation_id, "callSid": call_sid, "initiationStatus": initiation_status,
    })))
}

fn add_variables(operator: &Operator, conversation_id: &str, mut answer: Value) {
    if let Some(Value::Object(variables)) = answer.get_mut("dynamic_variables").map(Value::take) {
        operator.board().add_variables(conversation_id, variables);
    }
}
