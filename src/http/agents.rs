//! `/api/businesses/{businessId}/agents`: whose agent is whose.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::businesses::registered;
use super::openapi::problems::{BODY, BUSINESS, KEY, NOT_FOUND, PARAMETERS, SCOPE, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::domain::ids::{AgentId, BusinessId};
use crate::store::{Agent, StoreError};

/// Nothing needs to be said of an agent but whose it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentRequest, examples(json!({})))]
struct AgentBody {}

/// An agent and its business.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Agent, examples(json!({"agentId": "agent_1", "businessId": "42"})))]
struct AgentView {
    agent_id: AgentId,
    business_id: BusinessId,
}

/// The agents of a business.
#[derive(Serialize, ToSchema)]
#[schema(as = Agents, examples(json!({"agents": [{"agentId": "agent_1", "businessId": "42"}]})))]
struct AgentsView {
    agents: Vec<AgentView>,
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        Self { agent_id: agent.agent_id, business_id: agent.business_id }
    }
}

problems!(
    /// Why an agent is not registered.
    NotRegistered: KEY, SCOPE, PARAMETERS, BODY, BUSINESS
);
problems!(
    /// Why agents are not listed.
    NotListed: KEY, PARAMETERS, BUSINESS
);
problems!(
    /// Why an agent is not removed.
    NotRemoved: KEY, SCOPE, PARAMETERS, BUSINESS, NOT_FOUND
);

/// Register an agent.
#[utoipa::path(
    put,
    path = "/api/businesses/{businessId}/agents/{agentId}",
    tag = "Businesses",
    operation_id = "putAgent",
    description = "Says whose agent it is. Inbound calls to the agent are then calls of the business, and no other business may call with it.",
    params(
        ("businessId" = BusinessId, Path, description = "Whose agent it is.", example = "42"),
        ("agentId" = AgentId, Path, description = "The agent, as the provider names it.", example = "agent_1"),
    ),
    request_body(content = AgentBody),
    responses((status = 200, description = "It is registered.", body = AgentView), NotRegistered),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn put(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let AgentBody {} = body::json(payload, &request).await?.0;
    let business = registered(&path.0, &state, &request).await?;
    let agent = Agent { agent_id: request::name(&path.1, &request)?, business_id: business.id };
    let stored = state.gate.store().put_agent(&agent).await;
    stored.map_err(|error: StoreError| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    Ok(HttpResponse::Ok().json(AgentView::from(agent)))
}

/// List the agents of a business.
#[utoipa::path(
    get,
    path = "/api/businesses/{businessId}/agents",
    tag = "Businesses",
    operation_id = "listAgents",
    params(("businessId" = BusinessId, Path, description = "Whose agents.", example = "42")),
    responses((status = 200, description = "All of them.", body = AgentsView), NotListed),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    let agents = state.gate.store().agents_of(&business.id).await;
    let agents = agents.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let agents = agents.into_iter().map(AgentView::from).collect();
    Ok(HttpResponse::Ok().json(AgentsView { agents }))
}

/// Remove an agent.
#[utoipa::path(
    delete,
    path = "/api/businesses/{businessId}/agents/{agentId}",
    tag = "Businesses",
    operation_id = "deleteAgent",
    description = "The agent is nobody's afterwards. Live calls go on.",
    params(
        ("businessId" = BusinessId, Path, description = "Whose agent it is.", example = "42"),
        ("agentId" = AgentId, Path, description = "The agent, as the provider names it.", example = "agent_1"),
    ),
    responses((status = 204, description = "It is removed."), NotRemoved),
    security(("apiKey" = ["admin"])),
)]
pub(super) async fn delete(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path.0, &state, &request).await?;
    let deleted = state.gate.store().delete_agent(&business.id, &request::name(&path.1, &request)?).await;
    let deleted = deleted.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    state.gate.cache().forget();
    if deleted { Ok(HttpResponse::NoContent().finish()) } else { Err(Problem::not_found("agent of that id", &request)) }
}
