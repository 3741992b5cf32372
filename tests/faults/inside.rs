//! A gate inside the test's own process, so that a test can reach its rooms and put faults in between.

use std::path::Path;

use callgate::actors::Gate;
use callgate::actors::pulse::WatchLimits;
use callgate::cli::{Application, AroundEventStore, AroundProvider, Overrides};
use callgate::settings::Settings;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::gate::{SECRET, settings};
use crate::support::http::{Answer, Ask};
use crate::support::provider::Provider;
use crate::support::twilio::{ACCOUNT, TOKEN, signature, unbelieved};
use crate::support::wait::eventually;

/// A gate in this process, its provider in another.
pub(crate) struct Inside {
    pub(crate) gate: Gate,
    pub(crate) provider: Provider,
    address: String,
    stop: Option<oneshot::Sender<()>>,
    _folder: TempDir,
}

impl Inside {
    pub(crate) async fn start() -> Self {
        Self::with(&[], Overrides::default()).await
    }

    pub(crate) async fn with_event_store(fault: AroundEventStore) -> Self {
        Self::with(&[], Overrides { event_store: Some(fault), ..Overrides::default() }).await
    }

    /// With a watch over its actors; `exit` in the place of the end of this process.
    pub(crate) async fn watched(limits: WatchLimits, exit: Box<dyn Fn() + Send>) -> Self {
        Self::with(&[], Overrides { watch: Some(limits), exit: Some(exit), ..Overrides::default() }).await
    }

    pub(crate) async fn with_provider(env: &[(&str, &str)], fault: AroundProvider) -> Self {
        Self::with(env, Overrides { provider: Some(fault), ..Overrides::default() }).await
    }

    /// On the database of a folder where an earlier process was.
    pub(crate) async fn on(folder: TempDir, fault: AroundEventStore) -> Self {
        Self::within(folder, &[], Overrides { event_store: Some(fault), ..Overrides::default() }).await
    }

    async fn with(env: &[(&str, &str)], overrides: Overrides) -> Self {
        Self::within(TempDir::new().unwrap(), env, overrides).await
    }

    async fn within(folder: TempDir, env: &[(&str, &str)], overrides: Overrides) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let provider = Provider::start(folder.path(), 1000, SECRET);
        let settings = load(folder.path(), &provider.address, env);
        let application = Application::build(settings, overrides).await.unwrap();
        let (gate, address) = (application.gate().clone(), format!("http://{}", application.address()));
        let (stop, stopped) = oneshot::channel();
        actix::spawn(application.run_until(async {
            let _ = stopped.await;
        }));
        provider.put_webhook(&address).await;
        let inside = Self { gate, provider, address, stop: Some(stop), _folder: folder };
        eventually("the gate admits calls", async || {
            let health = inside.get("/health/ready").await;
            (health["mode"] == "memory").then_some(())
        })
        .await;
        inside
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        ask.send(&self.address).await.unwrap()
    }

    /// What the carrier says, signed for where it is sent.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let signature = signature(TOKEN, &format!("{}{path}", self.address), fields);
        self.ask(unbelieved(path, Some(&signature), fields)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(Ask::get(path)).await.json()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Ask::post(path).json(body)).await
    }

    pub(crate) async fn put_business(&self, id: &str) {
        let business = serde_json::json!({"name": id, "plan": "PRO", "status": "ACTIVE"});
        self.ask(Ask::put(&format!("/api/businesses/{id}")).json(&business)).await.expect(201);
    }

    /// Slots that are held, by the ledger.
    pub(crate) async fn held(&self) -> u64 {
        self.get("/api/concurrent-metrics").await["activeCalls"].as_u64().unwrap()
    }

    /// The line of an actor in the roster.
    pub(crate) async fn actor(&self, name: &str) -> Value {
        let all = self.get("/debug/actors").await;
        all["actors"].as_array().unwrap().iter().find(|actor| actor["name"] == name).cloned().unwrap()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// A gate without a provider, with a watch over its actors that ends this process.
pub(crate) async fn alone(folder: &Path, limits: WatchLimits) -> Application {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let overrides = Overrides { watch: Some(limits), ..Overrides::default() };
    let soon_done = [("CALLGATE__SERVER__SHUTDOWN_TIMEOUT_SECONDS", "1")];
    Application::build(load(folder, "http://127.0.0.1:9", &soon_done), overrides).await.unwrap()
}

fn load(folder: &Path, provider: &str, env: &[(&str, &str)]) -> Settings {
    let mut all = settings(folder, provider);
    all.insert("GLOBAL_CAP".to_owned(), "5".to_owned());
    all.insert("CALLGATE__PROVIDER__TWILIO_ACCOUNT_SID".to_owned(), ACCOUNT.to_owned());
    all.insert("CALLGATE__PROVIDER__TWILIO_AUTH_TOKEN".to_owned(), TOKEN.to_owned());
    all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all.remove("RUST_LOG");
    Settings::load(None, all).unwrap()
}
