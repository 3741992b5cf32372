//! How a PostgreSQL database is opened: one pool, and timeouts for everything that it may be asked.

use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Error, Postgres};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, SqlxPostgresConnector};
use tokio::time::timeout;

use super::super::port::StoreError;
use super::ACQUIRE_TIMEOUT;

/// What the server ends by itself.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// A replica that stands still in the middle of a transaction loses its locks after this.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a migration waits for others that migrate, and for statements that use its tables.
const MIGRATION_LOCK_TIMEOUT: Duration = Duration::from_mins(1);
/// A connection that is unused for longer is asked whether it is alive before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// How long a connection may take to come to rest when it is given back.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest a caller waits for one answer: for a connection, and then for the statement.
pub(super) const ANSWER: Duration = ACQUIRE_TIMEOUT.saturating_add(STATEMENT_TIMEOUT);

/// The pool.
pub(super) async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = pool_of(url, connections);
    options.test_before_acquire_if_idle_for(FRESH).map_sqlx_postgres_opts(|postgres| {
        named(postgres).options([
            ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
            ("lock_timeout", milliseconds(LOCK_TIMEOUT)),
            ("idle_in_transaction_session_timeout", milliseconds(IDLE_IN_TRANSACTION_TIMEOUT)),
        ])
    });
    SqlxPostgresConnector::connect(options).await
}

/// One connection whose statements may take as long as they need: an index over a long log does.
pub(super) async fn connect_to_migrate(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = pool_of(url, 1);
    options.map_sqlx_postgres_opts(|postgres| {
        named(postgres).options([
            ("statement_timeout", "0".to_owned()),
            ("idle_in_transaction_session_timeout", "0".to_owned()),
            ("lock_timeout", milliseconds(MIGRATION_LOCK_TIMEOUT)),
            // A table that is there already is no news.
            ("client_min_messages", "warning".to_owned()),
        ])
    });
    SqlxPostgresConnector::connect(options).await
}

/// How a connection outside of the pool is made.
pub(super) fn options_of(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| StoreError(error.to_string()))?;
    Ok(named(options).disable_statement_logging())
}

fn pool_of(url: &str, connections: u32) -> ConnectOptions {
    let mut options = super::pool_options(url, connections);
    options.map_sqlx_postgres_pool_opts(give_up_on_the_silent);
    options
}

/// What every connection says of itself, over whatever is usual for its role or its database.
///
/// Whoever waits for a lock reads what its holder has done: each statement sees what is committed when it begins. A
/// stricter isolation would show what there was before the waiting.
fn named(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("callgate").options([("default_transaction_isolation", "read committed")])
}

fn milliseconds(timeout: Duration) -> String {
    timeout.as_millis().to_string()
}

/// The pool asks each connection that is given back whether it is well, and waits for the answer however long it
/// takes. Behind a cut cable that is a quarter of an hour for every one of them: then the pool would be empty.
fn give_up_on_the_silent(options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    options.after_release(|connection, _| {
        Box::pin(async move {
            timeout(RETURN_TIMEOUT, connection.ping()).await.map_err(|_| Error::PoolTimedOut)??;
            Ok(true)
        })
    })
}
