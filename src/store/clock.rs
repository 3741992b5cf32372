//! The clock that replicas share: PostgreSQL's. A file belongs to one host, whose clock will do.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend};

/// The present moment inside of a statement: when it is reached, not when its transaction began.
pub(super) fn now(db: &impl ConnectionTrait) -> SimpleExpr {
    match db.get_database_backend() {
        DbBackend::Postgres => Expr::cust("clock_timestamp()"),
        _ => Expr::value(crate::sources::now()),
    }
}

/// How long ago `then` was; no time at all where the clock was set back.
pub(super) fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> std::time::Duration {
    (now - then).to_std().unwrap_or_default()
}
