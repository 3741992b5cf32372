//! What the gate and the provider count, read over HTTP like anybody would.

use std::net::SocketAddr;

use serde_json::Value;

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

async fn get(url: String) -> Option<Value> {
    let client = awc::Client::default();
    let mut response = client.get(url).send().await.ok()?;
    let body = response.body().limit(16 * 1024 * 1024).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// Asks for a sweep.
pub(super) async fn sweep(gate: SocketAddr) {
    let client = awc::Client::builder().timeout(std::time::Duration::from_secs(20)).finish();
    let _ = client.post(format!("http://{gate}/api/reconciliations")).send().await;
}

impl Figures {
    pub(super) async fn read(gate: SocketAddr, provider: SocketAddr) -> Option<Self> {
        let status = get(format!("http://{gate}/api/concurrent-metrics/status")).await?;
        let state = get(format!("http://{provider}/sim/state")).await?;
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
