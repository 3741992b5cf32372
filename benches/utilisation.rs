//! What looking at the provider is worth: of a full pool, how much is used while webhooks come late.
//!
//! `cargo bench --bench utilisation [-- SECONDS]`: two gates, each with a simulated provider of its own, at once under
//! the same load for 180 seconds unless told otherwise. Calls last 20 to 40 s, and the provider tells of their end
//! 30 s late. One gate asks the provider which calls are still live when it is full and refusing; the other waits.

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use support::gate::Gate;

const CAP: u32 = 5;
/// Between two calls that are asked for: far more than there is room for.
const PAUSE: Duration = Duration::from_millis(250);

/// What came of one gate.
struct Outcome {
    name: &'static str,
    /// Of the calls that could be live at once, how many were, on average.
    used: f64,
    started: u64,
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(180);
    actix::System::new().block_on(async {
        let gates = [("waits for webhooks", "0"), ("asks the provider every 5 s", "5")];
        let outcomes = join_all(gates.map(|(name, on_demand)| load(name, on_demand, seconds))).await;
        println!("cap {CAP}, {seconds} s, calls of 20 to 40 s, webhooks 30 s late, a call asked for every {PAUSE:?}");
        println!("| a full gate | utilisation | calls started | ratio |");
        println!("| --- | --- | --- | --- |");
        for Outcome { name, used, started } in &outcomes {
            println!("| {name} | {:.0} % | {started} | {:.2} |", used * 100.0, used / outcomes[0].used);
        }
    });
}

async fn load(name: &'static str, on_demand: &str, seconds: u64) -> Outcome {
    let gate = Gate::builder()
        .cap(CAP)
        .env("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", on_demand)
        .env("CALLGATE__RECONCILE__GRACE_SECONDS", "60")
        .env("RUST_LOG", "warn")
        .start()
        .await;
    gate.put_business("ent", "ENTERPRISE").await;
    let behaviour = json!({"talkSeconds": {"min": 20, "max": 40}, "webhooks": {"delayMs": 30_000}});
    gate.provider.behave(behaviour).await;
    let (began, mut looks, mut live) = (Instant::now(), 0u32, 0u64);
    while began.elapsed() < Duration::from_secs(seconds) {
        gate.post_call("ent").await;
        live += gate.provider.live().await;
        looks += 1;
        tokio::time::sleep(PAUSE).await;
    }
    let started = gate.provider.dialled().await;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand looks at five calls")]
    let used = live as f64 / f64::from(looks * CAP);
    Outcome { name, used, started }
}
