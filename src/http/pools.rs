//! `/api/pools/default`: the cap and the pause, at run time.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{self, CanRead, IsAdmin};
use super::body;
use super::problem::Problem;
use super::state::AppState;
use crate::domain::ids::PoolId;
use crate::domain::pool::Pool;

/// More than any provider sells.
const LARGEST_CAP: u32 = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolBody {
    #[serde(default)]
    cap: Option<u32>,
    #[serde(default)]
    paused: Option<bool>,
}

fn view(pool: &Pool) -> Value {
    json!({ "pool": pool.id, "cap": pool.cap, "paused": pool.paused, "reserved": pool.reserves })
}

/// `GET /api/pools/default`
pub(super) async fn get(request: HttpRequest, _: CanRead, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let pool = state.gate.store().pool(&PoolId::default_pool()).await;
    let pool = pool.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let pool = pool.ok_or_else(|| Problem::not_found("pool of that id", &request))?;
    Ok(HttpResponse::Ok().json(view(&pool)))
}

/// `PUT /api/pools/default`
pub(super) async fn put(
    request: HttpRequest,
    _: IsAdmin,
    state: web::Data<AppState>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (PoolBody { cap, paused }, _) = body::json(payload, &request).await?;
    if cap.is_some_and(|cap| !(1..=LARGEST_CAP).contains(&cap)) {
        return Err(Problem::invalid(format!("cap is a whole number from 1 to {LARGEST_CAP}"), &request));
    }
    if cap.is_none() && paused.is_none() {
        return Err(Problem::invalid("name what to change: cap, paused", &request));
    }
    let pool = state.gate.change_pool(cap, paused, auth::asker(&request).to_owned()).await;
    let pool = pool.map_err(|error| Problem::of(&error, &state.gate, &request))?;
    Ok(HttpResponse::Ok().json(view(&pool)))
}
