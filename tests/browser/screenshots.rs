//! The pictures of the documentation, taken from a gate at work. Run it by hand, where they are to be taken anew:
//! `cargo test --test browser -- --ignored screenshots`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::Browser;
use crate::support::gate::Gate;
use crate::support::http::Ask;

/// Id, name, plan, calls at once that were agreed.
const BUSINESSES: [(&str, &str, &str, Option<u32>); 9] = [
    ("ada-dental", "Ada Dental", "PRO", None),
    ("atlas", "Atlas Freight", "ENTERPRISE", Some(6)),
    ("bolt", "Bolt Couriers", "STARTER", None),
    ("corner", "Corner Café", "PAYG", None),
    ("harbour", "Harbour Hotels", "PRO", None),
    ("lumen", "Lumen Optics", "PRO", None),
    ("nordwind", "Nordwind Energie", "ENTERPRISE", Some(8)),
    ("pine", "Pine & Partners", "STARTER", None),
    ("vela", "Vela Clinics", "PRO", None),
];
/// How much history the pictures have.
const HISTORY: Duration = Duration::from_mins(8);
const PAUSE: Duration = Duration::from_millis(1_300);

async fn a_lively_gate() -> Gate {
    let gate = Gate::builder()
        .cap(16)
        .plan("ENTERPRISE", 16, 3)
        .env("CALLGATE__INBOUND__ON_FULL", "admit")
        .env("CALLGATE_NODE", "gate-1")
        .env("RUST_LOG", "info")
        .start()
        .await;
    for (id, name, plan, limit) in BUSINESSES {
        let business = json!({"name": name, "plan": plan, "status": "ACTIVE", "concurrentLimit": limit});
        gate.change_business(id, &business).await;
        gate.put_agent(id, &format!("agent_{id}")).await;
    }
    gate.provider.behave(json!({"talkSeconds": {"min": 10, "max": 60}})).await;
    gate
}

/// Calls by turns, some from outside; where businesses are full they are refused.
async fn talk(gate: &Gate, how_long: Duration) {
    let began = Instant::now();
    let mut turn: usize = 0;
    while began.elapsed() < how_long {
        // Steps of 7 and 4 visit the businesses in an order that looks like chance.
        let (id, ..) = BUSINESSES[(turn * 7 + turn / 4) % BUSINESSES.len()];
        let agent = format!("agent_{id}");
        let number = format!("+12065550{:03}", 100 + (turn * 37) % 900);
        if turn % 9 == 4 {
            gate.provider.post_inbound(json!({"agentId": agent, "from": number})).await;
        } else {
            let call = json!({"businessId": id, "agentId": agent, "phoneNumberId": "phnum_1", "toNumber": number});
            gate.ask(Ask::post("/api/calls").json(&call)).await;
        }
        if turn % 60 == 30 {
            gate.post_reconciliation().await;
        }
        turn += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

#[actix::test]
#[ignore = "takes the pictures of the documentation: minutes of traffic"]
async fn screenshots_of_a_lively_gate() {
    let gate = a_lively_gate().await;
    talk(&gate, HISTORY).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let page = Browser::open(gate.address()).await;
    page.mentions(".feed", "Call placed").await;
    let take = async |name: &str, theme: &str, (width, height): (u32, u32)| {
        page.prefer(theme).await;
        page.resize(width, height).await;
        talk(&gate, Duration::from_secs(3)).await;
        std::fs::write(folder.join(format!("{name}.png")), page.screenshot().await).unwrap();
    };
    take("dashboard-light", "light", (1440, 1180)).await;
    take("dashboard-dark", "dark", (1440, 1180)).await;
    take("phone-light", "light", (390, 844)).await;
    page.resize(1280, 860).await;
    page.click(".calls-table tbody tr:nth-child(3) a").await;
    page.mentions(".moment:last-child", "Call").await;
    take("call-dark", "dark", (1280, 800)).await;
    page.press("End call").await;
    page.click("dialog button[type=submit]").await;
    page.mentions(".moment:last-child", "Call ended").await;
    page.click("#toasts button").await;
    take("call-light", "light", (1280, 800)).await;
}
