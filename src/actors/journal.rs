//! The JournalActor: group commit. While one transaction is in flight the next batch gathers; nobody waits for a timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, Supervised, WrapFuture};
use tokio::sync::oneshot;

use super::crash::{Crash, crash};
use crate::store::{Bulletin, CommitError, Conflict, EventStore, Write, Written};
use crate::telemetry::Metrics;

/// Writes in one transaction at most. Each takes about four locks in PostgreSQL, whose table of locks has room for
/// some 6000 of all replicas together unless `max_locks_per_transaction` is raised.
const BATCH: usize = 128;
/// Writes that may wait; beyond, new ones are refused at once.
const BACKLOG: usize = 8192;
/// Bulletins that are kept in one second; the counters stay exact.
const BULLETINS_PER_SECOND: u32 = 50;
/// Attempts at a batch that the database soon and certainly did not store.
const ATTEMPTS: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes events.
pub struct JournalActor {
    store: Arc<dyn EventStore>,
    metrics: Arc<Metrics>,
    commit_timeout: Duration,
    backlog: Arc<AtomicUsize>,
    queue: Vec<Queued>,
    busy: bool,
    idle_waiters: Vec<oneshot::Sender<()>>,
    second: Instant,
    bulletins: u32,
}

/// A write, and who waits for it.
type Queued = (Write, Option<oneshot::Sender<Result<Written, JournalError>>>);

/// A write that did not say that it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It lost, without a trace.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It is certainly not stored.
    #[error("not stored: {0}")]
    NotStored(String),
    /// Nobody knows.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
}

impl From<CommitError> for JournalError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::NotStored(reason) => Self::NotStored(reason),
            CommitError::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl JournalActor {
    /// A journal over `store`; a commit that takes longer than `commit_timeout` has an unknown outcome. A store that is
    /// to say for certain what is not stored has less patience with its database.
    pub fn new(
        store: Arc<dyn EventStore>,
        metrics: Arc<Metrics>,
        commit_timeout: Duration,
        backlog: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            store,
            metrics,
            commit_timeout,
            backlog,
            queue: Vec::new(),
            busy: false,
            idle_waiters: Vec::new(),
            second: Instant::now(),
            bulletins: 0,
        }
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        self.backlog.store(self.queue.len(), Ordering::Relaxed);
        if self.busy {
            return;
        }
        if self.queue.is_empty() {
            for waiter in self.idle_waiters.drain(..) {
                let _ = waiter.send(());
            }
            return;
        }
        self.busy = true;
        let rest = self.queue.split_off(self.queue.len().min(BATCH));
        let (writes, replies): (Vec<_>, Vec<_>) = std::mem::replace(&mut self.queue, rest).into_iter().unzip();
        let (store, timeout) = (Arc::clone(&self.store), self.commit_timeout);
        let began = Instant::now();
        let committed = async move {
            let results = commit(store.as_ref(), &writes, timeout).await;
            (writes.len(), results)
        };
        ctx.spawn(committed.into_actor(self).map(move |(size, results), act, ctx| {
            act.metrics.record_commit(u32::try_from(size).unwrap_or(u32::MAX), began.elapsed());
            act.busy = false;
            act.reply(replies, results);
            act.flush(ctx);
        }));
    }

    fn reply(
        &mut self,
        replies: Vec<Option<oneshot::Sender<Result<Written, JournalError>>>>,
        results: Result<Vec<Result<Written, Conflict>>, CommitError>,
    ) {
        match results {
            Ok(results) => {
                for (reply, result) in replies.into_iter().zip(results) {
                    if let Some(reply) = reply {
                        let _ = reply.send(result.map_err(JournalError::from));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, writes = replies.len(), "a commit failed");
                self.metrics.commit_failures.inc();
                for reply in replies.into_iter().flatten() {
                    let _ = reply.send(Err(error.clone().into()));
                }
            }
        }
    }
}

async fn commit(
    store: &dyn EventStore,
    writes: &[Write],
    timeout: Duration,
) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
    let began = tokio::time::Instant::now();
    let mut attempt = 1;
    loop {
        let result = match tokio::time::timeout(timeout, store.commit(writes)).await {
            Ok(result) => result,
            Err(_) => Err(CommitError::Unknown(format!("no answer within {} s", timeout.as_secs()))),
        };
        match result {
            // Deadlocks, a busy file: the same batch may do better at once. A database that is silent will not, and
            // whoever waits is told in time.
            Err(CommitError::NotStored(_)) if attempt < ATTEMPTS && began.elapsed() < timeout / 2 => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

impl Actor for JournalActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.flush(ctx);
    }
}

impl Supervised for JournalActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.busy = false;
        // Whoever waits learns that the outcome is unknown, and replays.
        self.queue.clear();
        self.idle_waiters.clear();
    }
}

/// Stores one write, together with whatever else is waiting.
#[derive(Debug, Message)]
#[rtype(result = "Result<Written, JournalError>")]
pub struct Commit(pub Write);

impl Handler<Commit> for JournalActor {
    type Result = ResponseFuture<Result<Written, JournalError>>;

    fn handle(&mut self, Commit(write): Commit, ctx: &mut Context<Self>) -> Self::Result {
        if self.queue.len() >= BACKLOG {
            let error = JournalError::NotStored(format!("{BACKLOG} writes are waiting"));
            return Box::pin(std::future::ready(Err(error)));
        }
        let (reply, result) = oneshot::channel();
        self.queue.push((write, Some(reply)));
        self.flush(ctx);
        Box::pin(async move {
            result.await.unwrap_or_else(|_| Err(JournalError::Unknown("the journal crashed".to_owned())))
        })
    }
}

/// Stores a bulletin, some time; nobody waits for it. Beyond a number per second it is dropped.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Publish(pub Bulletin);

impl Handler<Publish> for JournalActor {
    type Result = ();

    fn handle(&mut self, Publish(bulletin): Publish, ctx: &mut Context<Self>) {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.bulletins = 0;
        }
        self.bulletins += 1;
        if self.bulletins <= BULLETINS_PER_SECOND && self.queue.len() < BACKLOG / 2 {
            self.queue.push((Write::Note(bulletin), None));
            self.flush(ctx);
        }
    }
}

/// Answers once nothing is waiting to be stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for JournalActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, ctx: &mut Context<Self>) -> Self::Result {
        let (done, idle) = oneshot::channel();
        self.idle_waiters.push(done);
        self.flush(ctx);
        Box::pin(async move {
            let _ = idle.await;
        })
    }
}

/// What the journal is doing.
#[derive(Debug, Message)]
#[rtype(result = "JournalState")]
pub struct Inspect;

/// The journal at one moment.
#[derive(Clone, Copy, Debug, actix::MessageResponse)]
pub struct JournalState {
    /// Writes that wait.
    pub waiting: usize,
    /// Whether a transaction is in flight.
    pub committing: bool,
}

impl Handler<Inspect> for JournalActor {
    type Result = JournalState;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> JournalState {
        JournalState { waiting: self.queue.len(), committing: self.busy }
    }
}

impl Handler<Crash> for JournalActor {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        crash();
    }
}

#[cfg(test)]
mod tests {
    use callgate_rig::Postgres;
    use rstest::rstest;

    use super::*;
    use crate::domain::ids::{CallId, PoolId};
    use crate::store::{Store, StoreError, StoreOptions, Stream};

    fn note() -> Write {
        Write::Note(Bulletin::PoolChanged { pool: PoolId::default_pool(), cap: 1, paused: false, by: "ops".to_owned() })
    }

    /// Stores nothing, and takes its time to say so.
    #[derive(Default)]
    struct Refusing {
        after: Duration,
        asked: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl EventStore for Refusing {
        async fn commit(&self, _: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.after).await;
            Err(CommitError::NotStored("no".to_owned()))
        }

        async fn load(&self, _: CallId) -> Result<Stream, StoreError> {
            Ok(Stream::default())
        }
    }

    #[rstest]
    #[case::at_once(0, ATTEMPTS as usize)]
    #[case::after_a_while(1_600, 2)]
    #[case::late(2_600, 1)]
    #[tokio::test(start_paused = true)]
    async fn what_is_refused_soon_is_tried_again(#[case] milliseconds: u64, #[case] attempts: usize) {
        let store = Refusing { after: Duration::from_millis(milliseconds), asked: AtomicUsize::new(0) };
        let refused = commit(&store, &[note()], Duration::from_secs(5)).await;
        assert!(matches!(refused, Err(CommitError::NotStored(_))), "{refused:?}");
        assert_eq!(store.asked.into_inner(), attempts);
    }

    /// Only silence after COMMIT was sent leaves a doubt, and with it a slot that nobody may use.
    #[actix::test]
    async fn what_a_silent_database_was_never_asked_to_commit_is_certainly_not_stored_and_said_so_in_time() {
        const TIMEOUT: Duration = Duration::from_secs(2);
        let server = Postgres::start_with(&["fsync=off"]);
        let options = StoreOptions { max_connections: 2, patience: TIMEOUT };
        let store = Store::open_with(&server.create_database("callgate"), options).await.unwrap();
        store.migrate().await.unwrap();
        let journal = JournalActor::new(Arc::new(store), Arc::new(Metrics::new()), TIMEOUT, Arc::default()).start();
        journal.send(Commit(note())).await.unwrap().unwrap();
        server.pause();
        let began = Instant::now();
        let refused = journal.send(Commit(note())).await.unwrap();
        let took = began.elapsed();
        server.resume();
        assert!(matches!(refused, Err(JournalError::NotStored(_))), "{refused:?}");
        assert!(took < TIMEOUT, "{took:?}");
        assert_eq!(server.ask("callgate", "SELECT count(*) FROM call_event"), "1");
    }
}
