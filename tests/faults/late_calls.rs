//! Calls that come alive after the gate had given them up.

use serde_json::json;

use crate::support::gate::{Gate, a_call};
use crate::support::http::Ask;
use crate::support::wait::{eventually, settles};

#[actix::test]
async fn i1_a_call_that_the_sweep_gave_up_and_that_comes_alive_after_all_is_hung_up_as_late() {
    let gate = Gate::builder()
        .cap(1)
        .env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1")
        .env("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "1")
        .start()
        .await;
    gate.put_business("b1", "PRO").await;
    gate.provider.behave(json!({"dialDelayMs": 6000})).await;
    let answer = gate.post("/api/calls", &a_call("b1")).await;
    answer.problem(504, "CALL_OUTCOME_UNKNOWN");
    let path = format!("/api/calls/{}", answer.json()["callId"].as_str().unwrap());
    let sweep = async || gate.ask(Ask::post("/api/reconciliations")).await.expect(200);

    eventually("two looks find no trace of it", async || {
        sweep().await;
        let call = gate.get(&path).await.json();
        (call["status"] == "failed" && call["endReason"] == "provider_missing").then_some(())
    })
    .await;
    settles(1, async || gate.provider.live().await).await;
    eventually("the sweep sees it alive, and it is hung up", async || {
        sweep().await;
        let call = gate.get(&path).await.json();
        (call["status"] == "ended" && call["endReason"] == "late").then_some(())
    })
    .await;
    assert_eq!(gate.provider.live().await, 0);
    let status = gate.get("/api/concurrent-metrics/status").await.json();
    assert_eq!((&status["activeCalls"], &status["overflow"]), (&json!(0), &json!(0)));
}
