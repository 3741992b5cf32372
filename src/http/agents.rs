//! `/api/businesses/{businessId}/agents`: whose agent is whose.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::auth::{CanRead, IsAdmin};
use super::body;
use super::businesses::registered;
use super::problem::Problem;
use super::request;
use super::state::AppState;
use crate::store::{Agent, StoreError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentBody {}

/// `PUT /api/businesses/{businessId}/agents/{agentId}`
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
    Ok(HttpResponse::Ok().json(json!({ "agentId": agent.agent_id, "businessId": agent.business_id })))
}

/// `GET /api/businesses/{businessId}/agents`
pub(super) async fn list(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let business = registered(&path, &state, &request).await?;
    let agents = state.gate.store().agents_of(&business.id).await;
    let agents = agents.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let views: Vec<_> =
        agents.iter().map(|agent| json!({ "agentId": agent.agent_id, "businessId": agent.business_id })).collect();
    Ok(HttpResponse::Ok().json(json!({ "agents": views })))
}

/// `DELETE /api/businesses/{businessId}/agents/{agentId}`
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
