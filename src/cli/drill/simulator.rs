//! The simulated provider that a drill dials at. What it counts judges the gate.

use serde_json::{Value, json};

use super::gate::{Trouble, body_of};
use super::tenants::Tenants;
use crate::cli::Failure;
use crate::cli::peer::Peer;

/// Inbound calls beyond the cap that it takes: as good as all.
const INBOUND_OVERFLOW: u32 = 1_000_000;

/// The simulated provider.
#[derive(Clone)]
pub(super) struct Simulator(Peer);

/// What it says of itself.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) cap: u32,
    pub(super) live: u64,
    calls: Vec<Value>,
}

impl State {
    /// The live conversations of the drill.
    pub(super) fn live_of(&self, tenants: &Tenants) -> Vec<String> {
        let ours = |call: &Value| call["agentId"].as_str().is_some_and(|agent| tenants.have_agent(agent));
        let live = self.calls.iter().filter(|call| call["live"] == true && ours(call));
        live.filter_map(|call| call["conversationId"].as_str()).map(str::to_owned).collect()
    }

    /// Whether a conversation is live; none where there is no such one.
    pub(super) fn is_live(&self, conversation: &str) -> Option<bool> {
        let call = self.calls.iter().find(|call| call["conversationId"] == conversation)?;
        Some(call["live"] == true)
    }
}

impl Simulator {
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        Ok(Self(Peer::new("--simulator", url, None)?))
    }

    pub(super) fn url(&self) -> &str {
        self.0.url()
    }

    pub(super) async fn state(&self) -> Result<State, Trouble> {
        let mut state = body_of(&format!("GET {}/sim/state", self.url()), self.0.get("/sim/state").await)?;
        let strange = || Trouble(format!("{} does not answer as a simulated provider does", self.url()));
        let Value::Array(calls) = state["calls"].take() else { return Err(strange()) };
        let live = state["live"].as_u64().ok_or_else(strange)?;
        let cap = state["cap"].as_u64().and_then(|cap| cap.try_into().ok()).ok_or_else(strange)?;
        Ok(State { cap, live, calls })
    }

    /// How it behaves, as it can be given back to it.
    pub(super) async fn behaviour(&self) -> Result<Value, Trouble> {
        body_of(&format!("GET {}/sim/behaviour", self.url()), self.0.get("/sim/behaviour").await)
    }

    pub(super) async fn behave(&self, behaviour: &Value) -> Result<(), Trouble> {
        body_of(&format!("PUT {}/sim/behaviour", self.url()), self.0.put("/sim/behaviour", behaviour).await).map(drop)
    }

    /// From now on it has no faults, and carries `cap` calls: whoever keeps to less does so by itself.
    pub(super) async fn be_faultless(&self, cap: u32) -> Result<(), Trouble> {
        self.behave(&json!({
            "cap": cap, "inboundOverflow": INBOUND_OVERFLOW, "answerDelayMs": 0, "dialDelayMs": 0, "placement": "ok",
            "placementCount": null, "retryAfterSeconds": null, "terminate": "ok", "terminateRefusals": null, "api": "ok",
            "talkSeconds": null, "webhooks": { "lose": false, "duplicate": 0, "delayMs": 0, "reorder": false, "retry": true },
        }))
        .await
    }

    /// Its next placement is answered with 429, and that many seconds.
    pub(super) async fn be_full_once(&self, retry_after_seconds: u64) -> Result<(), Trouble> {
        let full = json!({ "placement": "429", "placementCount": 1, "retryAfterSeconds": retry_after_seconds });
        self.behave(&full).await
    }

    /// Somebody calls an agent; the conversation.
    pub(super) async fn ring_in(&self, agent: &str) -> Result<String, Trouble> {
        let path = "/sim/inbound";
        let call = self.0.post(path, Some(&json!({ "agentId": agent }))).await;
        let call = body_of(&format!("POST {}{path}", self.url()), call)?;
        call["conversationId"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Trouble(format!("POST {}{path}: no conversation", self.url())))
    }

    /// Somebody hangs up, unless the call is over already.
    pub(super) async fn hang_up(&self, conversation: &str) -> Result<(), Trouble> {
        let path = format!("/sim/calls/{conversation}/hangup");
        match self.0.post(&path, None).await {
            Ok(answer) if answer.status.is_client_error() => Ok(()),
            answer => body_of(&format!("POST {}{path}", self.url()), answer).map(drop),
        }
    }

    /// Where its webhooks go from now on.
    pub(super) async fn send_webhooks_to(&self, url: &str) -> Result<(), Trouble> {
        let path = "/sim/webhook";
        body_of(&format!("PUT {}{path}", self.url()), self.0.put(path, &json!({ "url": url })).await).map(drop)
    }
}
