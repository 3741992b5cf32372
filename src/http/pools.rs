//! `/api/pools/default`: the cap and the pause, at run time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::auth::{self, CanRead, IsAdmin};
use super::body;
use super::openapi::problems::{BODY, KEY, NOT_FOUND, SCOPE, problems};
use super::problem::Problem;
use super::state::AppState;
use crate::domain::ids::{PlanName, PoolId};
use crate::domain::pool::Pool;

/// More than any provider sells.
const LARGEST_CAP: u32 = 100_000;

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PoolChange)]
struct PoolBody {
    /// Calls at once. Lowering it cuts no live call.
    #[serde(default, deserialize_with = "body::whole")]
    #[schema(minimum = 1, maximum = 100_000)]
    cap: Option<u32>,
    /// No new calls while true.
    #[serde(default)]
    paused: Option<bool>,
}

/// A change of the pool that changes something.
enum SomeChange {}

impl PartialSchema for SomeChange {
    fn schema() -> RefOr<Schema> {
        let with = |name: &str, kind| {
            ObjectBuilder::new().property(name, ObjectBuilder::new().schema_type(kind)).required(name)
        };
        let either = AnyOfBuilder::new().item(with("cap", Type::Integer)).item(with("paused", Type::Boolean));
        AllOfBuilder::new()
            .description(Some("At least one of the two is named."))
            .examples([json!({"cap": 5, "paused": false})])
            .item(Ref::from_schema_name("PoolChange"))
            .item(Schema::AnyOf(either.build()))
            .into()
    }
}

impl ToSchema for SomeChange {
    fn name() -> Cow<'static, str> {
        "PoolRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PoolBody::name().into_owned(), PoolBody::schema()));
    }
}

/// The terms under which slots are given out.
#[derive(Serialize, ToSchema)]
#[schema(as = Pool, examples(json!({"pool": "default", "cap": 5, "paused": false, "reserved": {"PRO": 2}})))]
struct PoolView {
    pool: PoolId,
    /// Calls at once.
    cap: u32,
    /// No new calls while true.
    paused: bool,
    /// Slots kept for the businesses of a plan.
    #[schema(value_type = BTreeMap<String, u32>)]
    reserved: BTreeMap<PlanName, u32>,
}

impl From<Pool> for PoolView {
    fn from(pool: Pool) -> Self {
        Self { pool: pool.id, cap: pool.cap, paused: pool.paused, reserved: pool.reserves }
    }
}

problems!(
    /// Why the pool is not shown.
    NotShown: KEY, NOT_FOUND
);
problems!(
    /// Why the pool is not changed.
    NotChanged: KEY, SCOPE, BODY
);

/// Show the pool.
#[utoipa::path(
    get,
    path = "/api/pools/default",
    tag = "Pool",
    operation_id = "getPool",
    responses((status = 200, description = "Its terms.", body = PoolView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn get(request: HttpRequest, _: CanRead, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let pool = state.gate.store().pool(&PoolId::default_pool()).await;
    let pool = pool.map_err(|error| Problem::store(&error, &state.gate, &request))?;
    let pool = pool.ok_or_else(|| Problem::not_found("pool of that id", &request))?;
    Ok(HttpResponse::Ok().json(PoolView::from(pool)))
}

/// Change the cap, or pause.
#[utoipa::path(
    put,
    path = "/api/pools/default",
    tag = "Pool",
    operation_id = "putPool",
    description = "Audited, and in force on every replica within a second. What is not named stays.",
    request_body(content = SomeChange),
    responses((status = 200, description = "Its new terms.", body = PoolView), NotChanged),
    security(("apiKey" = ["admin"])),
)]
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
    Ok(HttpResponse::Ok().json(PoolView::from(pool)))
}
