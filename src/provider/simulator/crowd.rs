//! `POST /sim/crowd`: very many calls that are live at once, as if they had begun one after the other.

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde_json::json;

use super::call::{CallSetup, Trunk};
use super::fields::Fields;
use super::operator::Operator;
use super::placement::AGENT_NUMBER;
use super::refusal::BadRequest;
use crate::provider::elevenlabs::wire::ClientData;
use crate::sources;

/// As many as the provider's largest cap.
const MOST: u32 = 1_000_000;

/// `POST /sim/crowd`: conversations `PREFIX0`, `PREFIX1`, …, whatever the cap. Nobody is told of them.
pub(super) async fn gather(operator: web::Data<Operator>, body: web::Bytes) -> Result<HttpResponse, BadRequest> {
    let mut fields = Fields::read(&body)?;
    let prefix: String = fields.require("prefix")?;
    let count: u32 = fields.require("count")?;
    let span_seconds: u32 = fields.take("spanSeconds")?.unwrap_or(0);
    fields.finish()?;
    if !(1..=MOST).contains(&count) {
        return Err(BadRequest::new(format!("count: accepted are 1 to {MOST}")));
    }
    let (now, span) = (sources::now(), TimeDelta::seconds(span_seconds.into()));
    let mut board = operator.board();
    for number in 0..count {
        let id = format!("{prefix}{number}");
        let began = now - span * i32::try_from(count - number).unwrap_or(i32::MAX) / i32::try_from(count).unwrap_or(1);
        board.gather(setup(id), began);
    }
    Ok(HttpResponse::Ok().json(json!({"live": board.counts().live})))
}

fn setup(conversation_id: String) -> CallSetup {
    CallSetup {
        call_sid: format!("CA{conversation_id}"),
        conversation_id,
        trunk: Trunk::Twilio,
        agent_id: "agent_1".to_owned(),
        phone_number_id: None,
        agent_number: AGENT_NUMBER.to_owned(),
        external_number: "+15005550002".to_owned(),
        client_data: ClientData::default(),
    }
}
