//! Before anything is touched: what is there, and whether it may be drilled.

use std::cell::Cell;

use super::expectation::{Bought, Expectation, LiveCalls};
use super::gate::{Gate, Trouble, failed};
use super::patience::{SOON, within};
use super::simulator::Simulator;
use super::stage::Stage;
use super::tenants::Tenants;
use crate::cli::Failure;
use crate::sources;

/// What the operator named.
pub(super) struct Target {
    pub(super) gates: Vec<Gate>,
    pub(super) simulator: Option<Simulator>,
    pub(super) bought: Option<Bought>,
    pub(super) live_calls: LiveCalls,
}

impl Target {
    /// Looks at everything, and changes nothing.
    pub(super) async fn survey(self) -> Result<Stage, Failure> {
        let Self { gates, simulator, bought, live_calls } = self;
        for gate in &gates {
            let there = gate.is_there().await;
            there.map_err(|error| Failure::Check(format!("no gate answers at {}: {error}", gate.url())))?;
            gate.opens().await?;
            within(SOON, async || gate.is_ready().await).await.map_err(failed)?;
        }
        let first = gates.first().expect("there is a gate: one was named, or started");
        let simulator = match simulator {
            Some(simulator) => simulator,
            None => embedded(first).await?,
        };
        let state = simulator.state().await.map_err(|Trouble(reason)| {
            Failure::Usage(format!("no simulated provider answers at {}: {reason}", simulator.url()))
        })?;
        let pool = first.pool().await.map_err(failed)?;
        let standing = within(SOON, async || first.standing().await).await.map_err(failed)?;
        let bought = Bought::of(bought, state.cap, &pool);
        let expectation = Expectation::of(bought, &pool, &standing, state.live, live_calls)
            .map_err(|unfit| Failure::Usage(unfit.to_string()))?;
        let tenants = Tenants::new(&name(), &pool.reserves, &standing.by_plan)
            .ok_or_else(|| Failure::Check(format!("{} offers no plan", first.url())))?;
        let live = u32::try_from(state.live).unwrap_or(u32::MAX);
        let most = bought.cap.max(pool.cap).saturating_mul(2);
        let lines = most.saturating_add(live).saturating_add(10).max(state.cap);
        let behaviour = simulator.behaviour().await.map_err(failed)?;
        Ok(Stage { gates, simulator, tenants, expectation, most, lines, behaviour, turn: Cell::new(0) })
    }
}

/// The provider that the gate has started itself.
async fn embedded(gate: &Gate) -> Result<Simulator, Failure> {
    match gate.embedded_simulator().await {
        Some(url) => Simulator::new(&url),
        None => Err(Failure::Usage(format!(
            "{} names no simulated provider, and the drill dials at no other: deploy to a staging environment whose \
             provider.base_url leads to `callgate simulator`, and name that with --simulator URL",
            gate.url()
        ))),
    }
}

/// What this drill calls its businesses and their agents.
fn name() -> String {
    let uuid = sources::new_uuid().simple().to_string();
    // The end of the UUID is chance.
    format!("callgate-drill-{}", &uuid[uuid.len() - 8..])
}
