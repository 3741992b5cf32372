//! How the database is opened: one connection that writes, several that read, and the lock of the process.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use super::port::StoreError;

/// How long a statement waits for a connection, or for the write lock.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Enough for every listing at once; readers do not wait for the writer (WAL).
const READERS: u32 = 8;

/// The database of one gate.
#[derive(Clone, Debug)]
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    url: String,
}

impl Store {
    /// Opens the database at `url` (`sqlite://FILE?mode=rwc`). Creates the file, not the schema.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if !url.starts_with("sqlite:") {
            return Err(StoreError("this build speaks SQLite: database.url begins with sqlite://".to_owned()));
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(StoreError("a database in memory has as many contents as connections: name a file".to_owned()));
        }
        let writer = connect(url, 1).await?;
        let reader = connect(url, READERS).await?;
        Ok(Self { writer, reader, url: url.to_owned() })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(Migrator::up(&self.writer, None).await?)
    }

    /// The migrations that are still to be applied, by name.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = Migrator::get_pending_migrations(&self.writer).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    /// Waits until every connection is given back, and closes them. What asks afterwards gets an error.
    ///
    /// A connection that is given back after the runtime is gone panics.
    pub async fn close(&self) {
        for connection in [&self.writer, &self.reader] {
            if let Err(error) = connection.clone().close().await {
                tracing::warn!(%error, "a connection to the database was not closed");
            }
        }
    }

    /// Makes this process the only one that may run on the database without a shared ledger.
    ///
    /// Held until the value is dropped, or the process ends in whatever way.
    pub fn lock_process(&self) -> Result<ProcessLock, StoreError> {
        // One file has one lock, whatever links lead to it.
        let file = self.file()?;
        let mut path = std::fs::canonicalize(&file).unwrap_or(file).into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let shown = path.display();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| StoreError(format!("{shown} cannot be opened: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(ProcessLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError(format!(
                "another callgate holds {shown}; several on one database need a shared ledger (redis.url), which this build does not have"
            ))),
            Err(TryLockError::Error(error)) => Err(StoreError(format!("{shown} cannot be locked: {error}"))),
        }
    }

    /// The connection that writes.
    pub(super) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// The connections that read.
    pub(super) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A transaction that may write from its first statement: SQLite refuses to upgrade a reading one.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await
    }

    /// The file as the driver reads the address: slashes and percent signs included.
    fn file(&self) -> Result<PathBuf, StoreError> {
        let options = SqliteConnectOptions::from_str(&self.url).map_err(|error| StoreError(error.to_string()))?;
        Ok(options.get_filename().to_owned())
    }
}

async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // Committed means on the disk: the provider is asked to dial on the strength of it.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(ACQUIRE_TIMEOUT)
        });
    Database::connect(options).await
}

/// The right to be the only gate on a database.
#[derive(Debug)]
pub struct ProcessLock {
    _file: File,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tempfile::TempDir;

    #[rstest]
    #[case::without_slashes("sqlite:", "my gate.db")]
    #[case::with_one_slash_more("sqlite:///", "my gate.db")]
    #[case::with_an_escaped_space("sqlite://", "my%20gate.db")]
    #[tokio::test]
    async fn one_file_has_one_lock_however_its_address_is_written(#[case] scheme: &str, #[case] name: &str) {
        let folder = TempDir::new().unwrap();
        let open = async |scheme: &str, name: &str| {
            let url = format!("{scheme}{}?mode=rwc", folder.path().join(name).display());
            Store::open(&url).await.unwrap()
        };
        let _held = open("sqlite://", "my gate.db").await.lock_process().unwrap();
        let refusal = open(scheme, name).await.lock_process().unwrap_err();
        assert!(refusal.0.contains("another callgate"), "{refusal}");
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(files.filter(|file| file.to_string_lossy().ends_with(".lock")).count(), 1);
    }

    #[actix::test]
    async fn a_link_to_a_file_leads_to_the_lock_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let address = |name: &str| format!("sqlite://{}?mode=rwc", folder.path().join(name).display());
        let store = Store::open(&address("gate.db")).await.unwrap();
        let _held = store.lock_process().unwrap();
        std::os::unix::fs::symlink(folder.path().join("gate.db"), folder.path().join("link.db")).unwrap();
        let linked = Store::open(&address("link.db")).await.unwrap();
        assert!(linked.lock_process().is_err());
    }
}
