//! How a SQLite file is opened: one connection that writes, several that read.

use std::path::PathBuf;
use std::str::FromStr;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{Database, DatabaseConnection, DbErr};

use super::super::port::StoreError;
use super::ACQUIRE_TIMEOUT;

/// Enough for every listing at once; readers do not wait for the writer (WAL).
const READERS: u32 = 8;

/// The connection that writes, and those that read.
pub(super) async fn connect(url: &str) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError("a database in memory has as many contents as connections: name a file".to_owned()));
    }
    Ok((pool(url, 1).await?, pool(url, READERS).await?))
}

async fn pool(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = super::pool_options(url, connections);
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            // Committed means on the disk: the provider is asked to dial on the strength of it.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT)
    });
    Database::connect(options).await
}

/// The file as the driver reads the address: slashes and percent signs included.
pub(super) fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| StoreError(error.to_string()))?;
    Ok(options.get_filename().to_owned())
}
