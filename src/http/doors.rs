//! Other doors to the same path: an agent's test call, a number's test call, the public demo.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth::CanCall;
use super::body;
use super::calls::{checked_text, idempotency_key, place, prefers_async};
use super::openapi::placing::{Placed, PlacingHeaders};
use super::openapi::problems::{BODY, KEY, NOT_FOUND, PARAMETERS, PLACING, RATE, SCOPE, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::actors::outbound::CallRequest;
use crate::domain::call::Source;
use crate::domain::ids::{AgentId, BusinessId, PhoneNumberId};
use crate::store::{PhoneNumber, StoreError};

/// A call through a door, before the door's name is on it.
struct Asked {
    business_id: BusinessId,
    agent_id: AgentId,
    phone_number_id: PhoneNumberId,
    to_number: String,
    client_data: Map<String, Value>,
    body_hash: String,
}

fn call_of(asked: Asked, source: &str, request: &HttpRequest) -> Result<CallRequest, Problem> {
    // The same key at another door is another request.
    let body_hash = format!("{}:{}", request.path(), asked.body_hash);
    Ok(CallRequest {
        business_id: asked.business_id,
        agent_id: asked.agent_id,
        phone_number_id: asked.phone_number_id,
        to_number: asked.to_number,
        user_id: None,
        client_data: asked.client_data,
        max_duration_seconds: None,
        ringing_timeout_seconds: None,
        source: Source::named(source),
        idempotency: idempotency_key(request, body_hash)?,
        respond_async: prefers_async(request),
        trace: request::trace(request, source),
    })
}

problems!(
    /// Why a test call is not placed.
    NotPlaced: KEY, SCOPE, PARAMETERS, BODY, NOT_FOUND, PLACING
);
problems!(
    /// Why a demo call is not placed.
    NoDemo: BODY, NOT_FOUND, RATE, PLACING
);

/// A test call of an agent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AgentTestCallRequest, examples(json!({"phoneNumber": "+14155550123"})))]
struct AgentCallBody {
    /// Whom to call: E.164, or national with the business's country.
    #[schema(format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", examples("+14155550123"))]
    phone_number: String,
    /// From which number; unless said, the agent's own, or one of its business.
    #[serde(default)]
    phone_number_id: Option<PhoneNumberId>,
}

/// Place a test call of an agent.
#[utoipa::path(
    post,
    path = "/api/assistants/{agentId}/test-call",
    tag = "Test calls",
    operation_id = "placeAgentTestCall",
    description = "A call of the business whose agent it is.",
    params(("agentId" = AgentId, Path, description = "An agent that is registered.", example = "agent_1"), PlacingHeaders),
    request_body(content = AgentCallBody),
    responses(Placed, NotPlaced),
    security(("apiKey" = ["call"])),
)]
pub(super) async fn agent(
    request: HttpRequest,
    _: CanCall,
    state: web::Data<AppState>,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let away = |error: StoreError| Problem::store(&error, &state.gate, &request);
    let agent_id: AgentId = request::name(&path, &request)?;
    let (asked, body_hash): (AgentCallBody, String) = body::json(payload, &request).await?;
    let agent = state.gate.cache().agent(&agent_id).await.map_err(away)?;
    let agent = agent.ok_or_else(|| Problem::not_found("agent of that id", &request))?;
    let phone_number_id = if let Some(id) = asked.phone_number_id {
        id
    } else {
        let numbers = state.gate.store().phone_numbers_of(&agent.business_id).await.map_err(away)?;
        number_for(&agent_id, numbers).ok_or_else(|| {
            Problem::invalid("phoneNumberId: the business has no phone number registered; name one", &request)
        })?
    };
    let asked = Asked {
        business_id: agent.business_id.clone(),
        agent_id,
        phone_number_id,
        to_number: asked.phone_number,
        client_data: Map::new(),
        body_hash,
    };
    place(&state, call_of(asked, "assistant", &request)?, &request).await
}

/// The agent's own number, else any of the business that is no other agent's, else any.
fn number_for(agent_id: &AgentId, numbers: Vec<PhoneNumber>) -> Option<PhoneNumberId> {
    let rank = |number: &PhoneNumber| match &number.agent_id {
        Some(owner) if owner == agent_id => 0,
        None => 1,
        Some(_) => 2,
    };
    numbers.into_iter().min_by_key(rank).map(|number| number.phone_number_id)
}

/// A test call of a phone number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PhoneNumberTestCallRequest, examples(json!({"testPhoneNumber": "+14155550123"})))]
struct NumberCallBody {
    /// Whom to call: E.164, or national with the business's country.
    #[schema(format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", examples("+14155550123"))]
    test_phone_number: String,
}

/// Place a test call of a phone number.
#[utoipa::path(
    post,
    path = "/api/phone-numbers/{phoneNumberId}/test-call",
    tag = "Test calls",
    operation_id = "placePhoneNumberTestCall",
    description = "A call of the business whose number it is, by the number's agent, or else one of the business.",
    params(("phoneNumberId" = PhoneNumberId, Path, description = "A number that is registered.", example = "phnum_1"), PlacingHeaders),
    request_body(content = NumberCallBody),
    responses(Placed, NotPlaced),
    security(("apiKey" = ["call"])),
)]
pub(super) async fn phone_number(
    request: HttpRequest,
    _: CanCall,
    state: web::Data<AppState>,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let away = |error: StoreError| Problem::store(&error, &state.gate, &request);
    let phone_number_id: PhoneNumberId = request::name(&path, &request)?;
    let (asked, body_hash): (NumberCallBody, String) = body::json(payload, &request).await?;
    let number = state.gate.cache().phone_number(&phone_number_id).await.map_err(away)?;
    let number = number.ok_or_else(|| Problem::not_found("phone number of that id", &request))?;
    let agent_id = if let Some(agent_id) = &number.agent_id {
        agent_id.clone()
    } else {
        let agents = state.gate.store().agents_of(&number.business_id).await.map_err(away)?;
        let first = agents.into_iter().next().map(|agent| agent.agent_id);
        first.ok_or_else(|| Problem::invalid("the phone number has no agent, nor has its business", &request))?
    };
    let asked = Asked {
        business_id: number.business_id.clone(),
        agent_id,
        phone_number_id,
        to_number: asked.test_phone_number,
        client_data: Map::new(),
        body_hash,
    };
    place(&state, call_of(asked, "phone_number", &request)?, &request).await
}

/// A demo call.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DemoCallRequest, examples(json!({"phoneNumber": "+14155550123", "name": "Ada", "language": "en"})))]
struct DemoBody {
    /// Whom to call: E.164.
    #[schema(format = "phone", pattern = "^[+0-9(][-+0-9 ()./]{3,31}$", examples("+14155550123"))]
    phone_number: String,
    /// The agent is told.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: Option<String>,
    /// The agent is told.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    language: Option<String>,
}

/// Place a demo call.
#[utoipa::path(
    post,
    path = "/api/demo/request-call",
    tag = "Test calls",
    operation_id = "placeDemoCall",
    description = "Public, five times a minute from one address. 404 unless `demo.agent_id` and `demo.phone_number_id` are set.",
    params(PlacingHeaders),
    request_body(content = DemoBody),
    responses(Placed, NoDemo),
    security(()),
)]
pub(super) async fn demo(
    request: HttpRequest,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let door = state.demo.as_ref().ok_or_else(|| Problem::not_found("demo here", &request))?;
    let (asked, body_hash): (DemoBody, String) = body::json(payload, &request).await?;
    let address = request.peer_addr().map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |address| address.ip());
    if !door.admits(address).await {
        let detail = "this address has asked for too many demo calls; try again in a minute";
        return Err(Problem::new("RATE_LIMITED", detail, &request).retry_after(60));
    }
    let mut client_data = Map::new();
    for (field, text) in [("name", asked.name), ("language", asked.language)] {
        if let Some(text) = checked_text(field, text, 64, &request)? {
            client_data.insert(field.to_owned(), Value::String(text));
        }
    }
    let asked = Asked {
        business_id: BusinessId::demo(),
        agent_id: door.agent_id.clone(),
        phone_number_id: door.phone_number_id.clone(),
        to_number: asked.phone_number,
        client_data,
        body_hash,
    };
    place(&state, call_of(asked, "demo", &request)?, &request).await
}
