//! How the database is opened, migrated, written in transactions, and closed.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `sqlite`, `postgres` | how each is opened |
//! | `bounded` | no answer is waited for without an end |
//! | `advisory` | locks on names |
//! | `process_lock` | who may run on the database |

mod advisory;
mod bounded;
mod postgres;
mod process_lock;
mod sqlite;

use std::collections::HashSet;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};

use super::port::StoreError;
pub(super) use advisory::Key;
pub(super) use bounded::Bounded;
use bounded::Patience;
pub use process_lock::{ProcessLock, Sharing};

/// How long a statement waits for a connection, or for SQLite's write lock.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Connections to PostgreSQL at most; SQLite has as many as it needs.
    pub max_connections: u32,
    /// How long those who write events wait for PostgreSQL to store them. What it has not taken after four fifths of
    /// that is certainly not stored: COMMIT is not sent any more.
    pub patience: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { max_connections: 10, patience: postgres::ANSWER }
    }
}

/// A transaction that may write.
pub(super) type Transaction = Bounded<DatabaseTransaction>;

/// The database of one gate.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Bounded<DatabaseConnection>,
    reader: Bounded<DatabaseConnection>,
    patience: Duration,
    url: String,
}

impl Store {
    /// Opens the database at `url`: `sqlite://FILE?mode=rwc` or `postgres://…`. Creates the file, not the schema.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, StoreOptions::default()).await
    }

    /// The same with options.
    pub async fn open_with(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let (writer, reader, patience) = if scheme_of(url)? == DbBackend::Postgres {
            let pool = postgres::connect(url, options.max_connections).await?;
            (pool.clone(), pool, Patience::Each(postgres::ANSWER))
        } else {
            let (writer, reader) = sqlite::connect(url).await?;
            (writer, reader, Patience::Endless)
        };
        let [writer, reader] = [writer, reader].map(|pool| Bounded::new(pool, patience));
        Ok(Self { writer, reader, patience: options.patience, url: url.to_owned() })
    }

    /// Brings the schema up to date. Several replicas may start at once: one migrates, the others wait for it.
    ///
    /// A schema that a newer release has made serves an older one too: migrations only add.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        if self.pending_migrations().await?.is_empty() {
            return Ok(());
        }
        if self.backend() == DbBackend::Sqlite {
            return Ok(Migrator::up(self.writer.pool(), None).await?);
        }
        let connection = postgres::connect_to_migrate(&self.url).await?;
        let migrated = async {
            let txn = Bounded::new(connection.begin().await?, Patience::Endless);
            txn.lock(vec![Key::of("migration", "")]).await?;
            Migrator::up(txn.transaction(), None).await?;
            txn.commit().await
        };
        let migrated = migrated.await;
        let _ = connection.close().await;
        Ok(migrated?)
    }

    /// The migrations that are still to be applied, by name.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let applied = self.applied_migrations().await?;
        let names = Migrator::migrations().into_iter().map(|migration| migration.name().to_owned());
        Ok(names.filter(|name| !applied.contains(name)).collect())
    }

    /// Every migration that was applied, by whichever release; none where there is no schema yet.
    async fn applied_migrations(&self) -> Result<HashSet<String>, StoreError> {
        let backend = self.backend();
        let table = match backend {
            DbBackend::Postgres => "SELECT 1 AS found WHERE to_regclass('seaql_migrations') IS NOT NULL",
            _ => "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
        };
        if self.reader.query_one_raw(Statement::from_string(backend, table)).await?.is_none() {
            return Ok(HashSet::new());
        }
        let applied = Statement::from_string(backend, "SELECT version FROM seaql_migrations");
        let rows = self.reader.query_all_raw(applied).await?;
        Ok(rows.iter().map(|row| row.try_get("", "version")).collect::<Result<_, _>>()?)
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
            if let Err(error) = connection.pool().clone().close().await {
                tracing::warn!(%error, "a connection to the database was not closed");
            }
        }
    }

    /// Makes this process one that may run on the database.
    pub async fn lock_process(&self, sharing: Sharing) -> Result<ProcessLock, StoreError> {
        match self.backend() {
            DbBackend::Postgres => process_lock::lock_session(&self.url, sharing).await,
            _ => process_lock::lock_file(&self.url, sharing),
        }
    }

    /// Which database it is.
    pub(super) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// The connections that write.
    pub(super) fn writer(&self) -> &Bounded<DatabaseConnection> {
        &self.writer
    }

    /// The connections that read.
    pub(super) fn reader(&self) -> &Bounded<DatabaseConnection> {
        &self.reader
    }

    /// A transaction that may write from its first statement: SQLite refuses to upgrade a reading one.
    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        self.begin_with(self.writer.patience().of_transaction()).await
    }

    /// The same for those who write events.
    pub(super) async fn begin_commit(&self) -> Result<Transaction, DbErr> {
        self.begin_with(self.writer.patience().of_transaction_within(self.patience)).await
    }

    async fn begin_with(&self, patience: Patience) -> Result<Transaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let pool = self.writer.pool().clone();
        // A task of its own, because its caller may be dropped: where BEGIN is cut off after it was sent, the driver
        // does not know of the transaction, and whoever gets the connection next writes into it without an end.
        let begun = tokio::spawn(async move { pool.begin_with_options(options).await });
        let begun = async { begun.await.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string()))) };
        Ok(Bounded::new(patience.wait(begun).await?, patience))
    }
}

/// What a pool of connections to either database has in common.
fn pool_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

fn scheme_of(url: &str) -> Result<DbBackend, StoreError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(DbBackend::Sqlite),
        Some("postgres" | "postgresql") => Ok(DbBackend::Postgres),
        _ => Err(StoreError("callgate speaks SQLite (sqlite://FILE) and PostgreSQL (postgres://…)".to_owned())),
    }
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
        let _held = open("sqlite://", "my gate.db").await.lock_process(Sharing::Alone).await.unwrap();
        let refusal = open(scheme, name).await.lock_process(Sharing::Alone).await.unwrap_err();
        assert!(refusal.0.contains("another callgate"), "{refusal}");
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(files.filter(|file| file.to_string_lossy().ends_with(".lock")).count(), 1);
    }

    #[actix::test]
    async fn a_link_to_a_file_leads_to_the_lock_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let address = |name: &str| format!("sqlite://{}?mode=rwc", folder.path().join(name).display());
        let store = Store::open(&address("gate.db")).await.unwrap();
        let _held = store.lock_process(Sharing::Alone).await.unwrap();
        std::os::unix::fs::symlink(folder.path().join("gate.db"), folder.path().join("link.db")).unwrap();
        let linked = Store::open(&address("link.db")).await.unwrap();
        assert!(linked.lock_process(Sharing::Alone).await.is_err());
    }
}
