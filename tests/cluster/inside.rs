//! One replica inside the test's own process, whose commits of admissions can be held, next to replicas that are
//! processes of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use callgate::cli::{Application, Overrides};
use callgate::domain::ids::CallId;
use callgate::settings::Settings;
use callgate::store::{CommitError, Conflict, EventStore, Store, StoreError, Stream, Write, Written};
use tokio::sync::{oneshot, watch};

use crate::support::cluster::Cluster;
use crate::support::http::{Answer, Ask};
use crate::support::wait::{eventually, settles};

/// An event store that stores no admission while it is told to hold them.
struct Holding {
    store: Store,
    hold: watch::Receiver<bool>,
    held: Arc<AtomicU32>,
}

#[async_trait]
impl EventStore for Holding {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        let admits = batch.iter().any(|write| matches!(write, Write::Append(append) if append.epoch.is_some()));
        if admits && *self.hold.borrow() {
            self.held.fetch_add(1, Ordering::SeqCst);
            let mut hold = self.hold.clone();
            hold.wait_for(|hold| !hold).await.expect("the test lets it go");
        }
        self.store.commit(batch).await
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        self.store.load(call_id).await
    }
}

/// A replica in this process.
pub(crate) struct Inside {
    address: String,
    hold: watch::Sender<bool>,
    held: Arc<AtomicU32>,
    stop: Option<oneshot::Sender<()>>,
}

impl Inside {
    /// Runs in the place of the cluster's replica of that number.
    pub(crate) async fn instead_of(cluster: &Cluster, number: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut env = cluster.env(number).clone();
        env.retain(|name, _| name != "RUST_LOG" && name != "CALLGATE_NODE");
        // Nothing but the epoch keeps a held admission from being dialled.
        env.insert("CALLGATE__STORE__COMMIT_TIMEOUT_SECONDS".to_owned(), "60".to_owned());
        env.insert("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS".to_owned(), "60".to_owned());
        let (hold, told) = watch::channel(false);
        let waiting = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&waiting);
        let around =
            Box::new(move |store| Arc::new(Holding { store, hold: told, held: counted }) as Arc<dyn EventStore>);
        let overrides = Overrides { event_store: Some(around), ..Overrides::default() };
        let application = Application::build(Settings::load(None, env).unwrap(), overrides).await.unwrap();
        let address = format!("http://{}", application.address());
        let (stop, stopped) = oneshot::channel();
        actix::spawn(application.run_until(async {
            let _ = stopped.await;
        }));
        let inside = Self { address, hold, held: waiting, stop: Some(stop) };
        eventually("the replica in this process admits calls", async || {
            let health = inside.ask(Ask::get("/health/ready")).await;
            (health.code() == 200 && health.json()["mode"] == "redis").then_some(())
        })
        .await;
        inside
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        ask.send(&self.address).await.unwrap()
    }

    /// Sends a request, and returns when its admission waits to be stored.
    pub(crate) async fn held_at_commit(&self, ask: Ask) -> tokio::task::JoinHandle<Answer> {
        let before = self.held.load(Ordering::SeqCst);
        self.hold.send_replace(true);
        let address = self.address.clone();
        let asked = actix::spawn(async move { ask.send(&address).await.unwrap() });
        settles(before + 1, async || self.held.load(Ordering::SeqCst)).await;
        asked
    }

    /// Lets everything be stored that is held.
    pub(crate) fn let_go(&self) {
        self.hold.send_replace(false);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}
