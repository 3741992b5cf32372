//! Live traffic: three businesses that call more than they may, and callers that call in.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cli::peer::Peer;
use crate::sources;

/// Name, plan, agent.
const BUSINESSES: [(&str, &str, &str); 3] = [
    ("ada-dental", "PRO", "agent_ada"),
    ("bolt-couriers", "STARTER", "agent_bolt"),
    ("corner-cafe", "PAYG", "agent_cafe"),
];
/// Every so many calls one comes in from outside.
const INBOUND_SHARE: f64 = 0.15;
/// Between two calls, at least; up to three times as long.
const PAUSE: Duration = Duration::from_millis(350);
/// How long a simulated call is talked, in seconds.
const TALK: (f64, f64) = (2.0, 9.0);
/// Longer than a placement takes.
const LONGEST_PLACEMENT: Duration = Duration::from_secs(90);

/// Calls until it is stopped.
pub(super) struct Traffic {
    task: JoinHandle<()>,
}

impl Traffic {
    /// Registers the businesses and begins to call.
    pub(super) async fn start(gate: &Peer, provider: &Peer) -> Result<Self, String> {
        for (name, plan, agent) in BUSINESSES {
            put(gate, &format!("/api/businesses/{name}"), &json!({ "name": name, "plan": plan, "status": "ACTIVE" }))
                .await?;
            put(gate, &format!("/api/businesses/{name}/agents/{agent}"), &json!({})).await?;
            let number = json!({ "phoneNumber": "+14155550100", "agentId": agent });
            put(gate, &format!("/api/businesses/{name}/phone-numbers/phnum_{name}"), &number).await?;
        }
        put(provider, "/sim/behaviour", &json!({ "talkSeconds": { "min": TALK.0, "max": TALK.1 } })).await?;
        let (gate, provider) = (gate.patient(LONGEST_PLACEMENT), provider.clone());
        let task = actix::spawn(async move {
            loop {
                let (gate, provider) = (gate.clone(), provider.clone());
                actix::spawn(async move { one_call(&gate, &provider).await });
                tokio::time::sleep(PAUSE.mul_f64(1.0 + 2.0 * sources::chance())).await;
            }
        });
        Ok(Self { task })
    }

    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

async fn one_call(gate: &Peer, provider: &Peer) {
    let (name, _, agent) = BUSINESSES[pick(BUSINESSES.len())];
    let number = format!("+141555501{:02}", pick(100));
    let sent = if sources::chance() < INBOUND_SHARE {
        provider.post("/sim/inbound", Some(&json!({ "agentId": agent, "from": number }))).await
    } else {
        let call = json!({
            "businessId": name, "agentId": agent, "phoneNumberId": format!("phnum_{name}"), "toNumber": number,
        });
        gate.post("/api/calls", Some(&call)).await
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "a demo call did not get through");
    }
}

/// One of `choices`, evenly.
fn pick(choices: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few choices, and a chance from 0 up to 1"
    )]
    let choice = (sources::chance() * choices as f64) as usize;
    choice.min(choices - 1)
}

async fn put(to: &Peer, path: &str, body: &Value) -> Result<(), String> {
    let answer = to.put(path, body).await.map_err(|error| format!("PUT {path}: {error}"))?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(format!("PUT {path} was answered with status {}", answer.status))
    }
}
