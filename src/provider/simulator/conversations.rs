//! The provider's routes that read and delete conversations.

use actix_web::{HttpResponse, web};
use futures_util::future;
use serde::Deserialize;

use super::behaviour::{ApiHealth, Termination};
use super::call::EndReason;
use super::directory::ListQuery;
use super::operator::Operator;
use super::refusal;
use crate::provider::elevenlabs::wire::LiveCount;
use crate::sources;

/// `GET /v1/convai/conversations`
pub(super) async fn list(operator: web::Data<Operator>, parameters: web::Query<Vec<(String, String)>>) -> HttpResponse {
    if let Some(failure) = failure(&operator).await {
        return failure;
    }
    match ListQuery::read(parameters.into_inner()) {
        Ok(query) => HttpResponse::Ok().json(query.page(operator.board().calls(), sources::now())),
        Err(parameter) => refusal::unprocessable("query", &parameter, "The parameter cannot be read"),
    }
}

/// `GET /v1/convai/conversations/{id}`
pub(super) async fn details(operator: web::Data<Operator>, conversation_id: web::Path<String>) -> HttpResponse {
    if let Some(failure) = failure(&operator).await {
        return failure;
    }
    match operator.board().call(&conversation_id) {
        Some(call) if !call.deleted => HttpResponse::Ok().json(call.details(sources::now())),
        _ => refusal::conversation_not_found(&conversation_id),
    }
}

/// `DELETE /v1/convai/conversations/{id}`: a live call is hung up.
pub(super) async fn delete(operator: web::Data<Operator>, conversation_id: web::Path<String>) -> HttpResponse {
    {
        let mut board = operator.board();
        if board.call(&conversation_id).is_none_or(|call| call.deleted) {
            return refusal::conversation_not_found(&conversation_id);
        }
        if board.behaviour.take_termination() == Termination::Refuse {
            return refusal::internal_error();
        }
        board.delete(&conversation_id);
    }
    // It may have been over before.
    let _ = operator.hang_up(&conversation_id, EndReason::Deleted);
    HttpResponse::Ok().json(())
}

/// The query of the live count.
#[derive(Debug, Deserialize)]
pub(super) struct LiveCountQuery {
    agent_id: Option<String>,
}

/// `GET /v1/convai/analytics/live-count`
pub(super) async fn live_count(operator: web::Data<Operator>, query: web::Query<LiveCountQuery>) -> HttpResponse {
    if let Some(failure) = failure(&operator).await {
        return failure;
    }
    let board = operator.board();
    let count = match &query.agent_id {
        None => u64::from(board.counts().live),
        Some(agent_id) => {
            board.calls().iter().filter(|call| call.is_live() && call.setup.agent_id == *agent_id).map(|_| 1).sum()
        }
    };
    HttpResponse::Ok().json(LiveCount { count })
}

/// What the behaviour `api` makes of a read.
async fn failure(operator: &Operator) -> Option<HttpResponse> {
    let health = operator.board().behaviour.api;
    match health {
        ApiHealth::Ok => None,
        ApiHealth::InternalError => Some(refusal::internal_error()),
        ApiHealth::Timeout => future::pending().await,
    }
}
