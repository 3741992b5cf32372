//! Where one process is asked: an address, and what every answer must be like. Who is behind it is no matter here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::gate::WHOLE_NUMBERS;
use super::http::{Answer, Ask};
use super::provider::Provider;
use super::wait::eventually;

/// The highest cap that a pool ever had: no more outbound calls than that may be live at once.
#[derive(Clone, Debug)]
pub(crate) struct HighestCap(Arc<AtomicU32>);

impl HighestCap {
    pub(super) fn of(cap: u32) -> Self {
        Self(Arc::new(AtomicU32::new(cap)))
    }

    /// The pool's cap was raised: from now on so many calls may be live.
    fn allow(&self, cap: u32) {
        self.0.fetch_max(cap, Ordering::SeqCst);
    }

    /// The provider never saw more, unless it is gone.
    pub(super) fn judge(&self, provider: &Provider) {
        if let Some(most) = provider.most_live_outbound() {
            let cap = u64::from(self.0.load(Ordering::SeqCst));
            assert!(most <= cap, "I1: {most} outbound calls were live at the provider, the cap is {cap}");
        }
    }
}

/// The door of one gate.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: String,
    highest_cap: HighestCap,
}

impl Door {
    pub(super) fn new(address: String, highest_cap: &HighestCap) -> Self {
        Self { address, highest_cap: highest_cap.clone() }
    }

    pub(super) fn moves_to(&mut self, address: String) {
        self.address = address;
    }

    /// Where it serves, as `http://HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn highest_cap(&self) -> &HighestCap {
        &self.highest_cap
    }

    /// The pool's cap is raised: from now on so many calls may be live.
    pub(super) fn allow(&self, cap: u32) {
        self.highest_cap.allow(cap);
    }

    /// Sends a request; no answer may be a 500 or show a whole telephone number.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let asked = format!("{ask:?}");
        let answer = ask.send(&self.address).await.unwrap_or_else(|error| panic!("no answer to {asked}: {error}"));
        answer.assert_presentable();
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Ask::get(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Ask::post(path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Ask::put(path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Ask::delete(path)).await
    }

    /// Waits until calls are admitted.
    pub(crate) async fn admits(&self) {
        eventually("the gate admits calls", async || {
            let health = self.get("/health/ready").await;
            (health.code() == 200 && health.json()["mode"] != "recovering").then_some(())
        })
        .await;
    }
}

impl Answer {
    /// No answer may be a 500 or show a whole telephone number.
    pub(crate) fn assert_presentable(&self) {
        assert_ne!(self.code(), 500, "{self}");
        assert!(!self.text().contains(WHOLE_NUMBERS), "a whole number in {self}");
    }
}
