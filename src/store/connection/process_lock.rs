//! The lock of the process: alone on a database, or one of several that share their ledger.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::port::StoreError;
use super::advisory::Key;
use super::{ACQUIRE_TIMEOUT, postgres, sqlite};

/// How long a process waits for the one before it to let go.
const HANDOVER: &str = "2s";
/// How often the connection that holds the lock is used, so that nothing on the way takes it for idle.
const PING_EVERY: Duration = Duration::from_secs(2);
/// A connection that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// `lock_not_available`
const TIMED_OUT: &str = "55P03";

/// With whom a process may run on one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// With nobody: the ledger is in its memory.
    Alone,
    /// With others who share the ledger, never with one who is alone.
    Shared,
}

/// The right of a process to run on a database. Held until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub struct ProcessLock(Held);

#[derive(Debug)]
enum Held {
    File { _locked: File },
    Session { lost: watch::Receiver<bool>, keeper: JoinHandle<()> },
}

impl ProcessLock {
    /// Resolves when the lock is lost, and with it the right to go on; never, where it cannot be.
    pub async fn lost(&mut self) {
        match &mut self.0 {
            Held::File { .. } => std::future::pending().await,
            // The keeper is gone: then so is its connection.
            Held::Session { lost, .. } => drop(lost.wait_for(|lost| *lost).await),
        }
    }
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        if let Held::Session { keeper, .. } = &self.0 {
            keeper.abort();
        }
    }
}

fn refused(sharing: Sharing) -> StoreError {
    StoreError(match sharing {
        Sharing::Alone => "another callgate runs on this database; several on one database need redis.url".to_owned(),
        Sharing::Shared => {
            "another callgate without redis.url runs on this database; end it, or give it the same redis.url".to_owned()
        }
    })
}

/// Locks the file beside the database. One file has one lock, whatever links lead to it.
pub(super) fn lock_file(url: &str, sharing: Sharing) -> Result<ProcessLock, StoreError> {
    let file = sqlite::file_of(url)?;
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
    let locked = match sharing {
        Sharing::Alone => file.try_lock(),
        Sharing::Shared => file.try_lock_shared(),
    };
    match locked {
        Ok(()) => Ok(ProcessLock(Held::File { _locked: file })),
        Err(TryLockError::WouldBlock) => Err(refused(sharing)),
        Err(TryLockError::Error(error)) => Err(StoreError(format!("{shown} cannot be locked: {error}"))),
    }
}

/// Locks the database, for as long as one connection of its own lives.
pub(super) async fn lock_session(url: &str, sharing: Sharing) -> Result<ProcessLock, StoreError> {
    let failed = |error: sqlx::Error| StoreError(error.to_string());
    let locked = timeout(2 * ACQUIRE_TIMEOUT, async {
        let mut connection = connect(url).await?;
        match take(&mut connection, sharing).await {
            Ok(()) => Ok(connection),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TIMED_OUT) => Err(refused(sharing)),
            Err(error) => Err(failed(error)),
        }
    });
    let connection = locked.await.unwrap_or_else(|_| Err(StoreError("no answer in time".to_owned())))?;
    let (gone, lost) = watch::channel(false);
    let keeper = tokio::spawn(async move {
        keep(connection).await;
        gone.send_replace(true);
    });
    Ok(ProcessLock(Held::Session { lost, keeper }))
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    // A host that dies without a word must not hold the lock for the two hours that are usual.
    let options = postgres::options_of(url)?.options([
        ("lock_timeout", HANDOVER),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    let mut connection = options.connect().await.map_err(|error| StoreError(error.to_string()))?;
    // Before version 14 there is no such setting, and no such timeout.
    let _ = sqlx::raw_sql("SET idle_session_timeout = 0").execute(&mut connection).await;
    Ok(connection)
}

async fn take(connection: &mut PgConnection, sharing: Sharing) -> Result<(), sqlx::Error> {
    let sql = match sharing {
        Sharing::Alone => "SELECT pg_advisory_lock($1)",
        Sharing::Shared => "SELECT pg_advisory_lock_shared($1)",
    };
    sqlx::query(sql).bind(Key::of("process", "").0).execute(connection).await?;
    Ok(())
}

/// Ends when the connection does.
async fn keep(mut connection: PgConnection) {
    while let Ok(Ok(())) = timeout(SILENCE, connection.ping()).await {
        tokio::time::sleep(PING_EVERY).await;
    }
    tracing::error!("the connection that held the lock of this process on the database is gone");
}
