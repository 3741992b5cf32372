//! What the gate and the provider count, read over HTTP like anybody would.

use serde_json::Value;

use crate::cli::peer::Peer;

/// The counts at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) cap: u64,
    pub(super) ledger: u64,
    pub(super) overflow: u64,
    pub(super) database: u64,
    pub(super) by_plan: String,
    pub(super) mode: String,
    pub(super) rejected: u64,
    pub(super) provider_live: u64,
    pub(super) provider_max: u64,
    pub(super) started: u64,
}

async fn get(peer: &Peer, path: &str) -> Option<Value> {
    Some(peer.get(path).await.ok()?.body).filter(Value::is_object)
}

impl Figures {
    pub(super) async fn read(gate: &Peer, provider: &Peer) -> Option<Self> {
        let status = get(gate, "/api/concurrent-metrics/status").await?;
        let state = get(provider, "/sim/state").await?;
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let by_plan = status["globalStatus"]["byPlan"]
            .as_object()
            .map(|plans| plans.iter().map(|(plan, held)| format!("{plan} {held}")).collect::<Vec<_>>().join(" "));
        Some(Self {
            cap: number(&status["globalStatus"]["limit"]),
            ledger: number(&status["activeCalls"]) + number(&status["overflow"]),
            overflow: number(&status["overflow"]),
            database: status["calls"].as_array().map_or(0, |calls| calls.len() as u64),
            by_plan: by_plan.unwrap_or_default(),
            mode: status["ledgerMode"].as_str().unwrap_or_default().to_owned(),
            rejected: number(&status["totalRejections"]),
            provider_live: number(&state["live"]),
            provider_max: number(&state["maxLiveOutbound"]),
            started: number(&state["started"]),
        })
    }
}
