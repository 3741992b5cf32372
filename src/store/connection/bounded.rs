//! A connection whose every answer comes in time, or is an error.
//!
//! A server that answers ends by itself what takes too long. Where it is silent (paused, cut off) only this does.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::time::{Instant, timeout_at};

/// How long the answers of a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// A file is never silent: what makes it wait has its own timeout.
    Endless,
    /// So long for each statement, the wait for a connection included.
    Each(Duration),
    /// A transaction has one deadline for all its statements, and one for its COMMIT.
    Until { written: Instant, committed: Instant },
}

impl Patience {
    /// For a transaction that begins now.
    pub(super) fn of_transaction(self) -> Self {
        match self {
            Self::Each(limit) => Self::until(limit, limit),
            Self::Endless | Self::Until { .. } => self,
        }
    }

    /// The same where its caller waits for `whole`, and wants to know whether COMMIT was ever sent: the silence before
    /// it proves something, so it ends first.
    pub(super) fn of_transaction_within(self, whole: Duration) -> Self {
        match self {
            Self::Each(limit) => Self::until(limit.min(whole * 4 / 5), whole),
            Self::Endless | Self::Until { .. } => self,
        }
    }

    fn until(written: Duration, committed: Duration) -> Self {
        let now = Instant::now();
        Self::Until { written: now + written, committed: now + committed }
    }

    /// For the answer to COMMIT.
    fn of_commit(self) -> Self {
        match self {
            Self::Until { committed, .. } => Self::Until { written: committed, committed },
            Self::Endless | Self::Each(_) => self,
        }
    }

    /// The answer, or an error once patience is over. The question is dropped then, not taken back.
    pub(super) async fn wait<T>(self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let deadline = match self {
            Self::Endless => return answer.await,
            Self::Each(limit) => Instant::now() + limit,
            Self::Until { written, .. } => written,
        };
        let silence = |_| Err(DbErr::Custom("no answer in time".to_owned()));
        timeout_at(deadline, answer).await.unwrap_or_else(silence)
    }
}

/// A pool, or a transaction, and how long its answers may take.
#[derive(Clone, Debug)]
pub(in crate::store) struct Bounded<C> {
    inner: C,
    patience: Patience,
}

impl<C> Bounded<C> {
    pub(super) fn new(inner: C, patience: Patience) -> Self {
        Self { inner, patience }
    }
}

impl Bounded<DatabaseConnection> {
    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        self.patience.wait(self.inner.ping()).await
    }

    pub(in crate::store) fn pool(&self) -> &DatabaseConnection {
        &self.inner
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }
}

impl Bounded<DatabaseTransaction> {
    pub(super) fn transaction(&self) -> &DatabaseTransaction {
        &self.inner
    }

    /// Makes everything so far lasting. After an error nobody knows whether it is.
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        self.patience.of_commit().wait(self.inner.commit()).await
    }
}

#[async_trait::async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Bounded<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.patience.wait(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.patience.wait(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.patience.wait(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.patience.wait(self.inner.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }
}
