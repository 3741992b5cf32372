//! The clock that replicas share: PostgreSQL's. A file belongs to one host, whose clock will do.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend};

use super::connection::Store;
use super::port::StoreError;

/// The present moment inside of a statement: when it is reached, not when its transaction began.
pub(super) fn now(db: &impl ConnectionTrait) -> SimpleExpr {
    match db.get_database_backend() {
        DbBackend::Postgres => Expr::cust("clock_timestamp()"),
        _ => Expr::value(crate::sources::now()),
    }
}

impl Store {
    /// What the clock shows that replicas share; none where they are on one host.
    pub async fn clock(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        moment(self.reader()).await.map(Some)
    }
}

/// What it shows now.
pub(super) async fn moment(db: &impl ConnectionTrait) -> Result<DateTime<Utc>, StoreError> {
    let query = Query::select().expr_as(now(db), "now").to_owned();
    let row = db.query_one(&query).await?.ok_or_else(|| StoreError("the database has no clock".to_owned()))?;
    Ok(row.try_get("", "now")?)
}

/// How long ago `then` was; no time at all where the clock was set back.
pub(super) fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> std::time::Duration {
    (now - then).to_std().unwrap_or_default()
}
