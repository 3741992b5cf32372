//! Calls that come alive after the gate had given them up.

use serde_json::json;

use crate::support::gate::{Gate, SECRET, a_call};
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

#[actix::test]
async fn i3_a_refused_inbound_call_that_ended_while_the_provider_refused_to_hang_up_frees_its_place() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("b1", "PRO").await;
    let held = gate.post("/api/calls", &a_call("b1")).await.expect(201);
    gate.provider.behave(json!({"terminate": "refuse"})).await;
    let refused = gate.provider.start_inbound("agent_9").await;
    let overflow = async || gate.get("/api/concurrent-metrics/status").await.json()["overflow"].clone();
    settles(json!(1), &overflow).await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up(&refused).await;
    gate.provider.behave(json!({"terminate": "ok"})).await;
    settles(json!(0), &overflow).await;
    let listed = gate.get(&format!("/api/calls?providerCallId={refused}")).await.json();
    assert_eq!(listed["calls"][0]["status"], "terminated_capacity");
    let still = gate.get(&format!("/api/calls/{}", held["callId"].as_str().unwrap())).await.json();
    assert_eq!(still["status"], "active");
}

#[actix::test]
async fn i3_an_inbound_call_that_never_becomes_a_conversation_ends_without_anybody_asking() {
    let gate = Gate::builder()
        .cap(1)
        .env("CALLGATE__INBOUND__BIND_TIMEOUT_SECONDS", "1")
        .env("CALLGATE__RECONCILE__LEDGER_INTERVAL_SECONDS", "1")
        .start()
        .await;
    let asked =
        json!({"caller_id": "+14155550142", "agent_id": "agent_9", "called_number": "+14155550100", "call_sid": "CA1"});
    let initiation = Ask::post("/api/webhooks/elevenlabs/initiation").header("X-Callgate-Secret", SECRET).json(&asked);
    let answer = gate.ask(initiation).await.expect(200);
    let call = answer["dynamic_variables"]["callgate_call_id"].as_str().unwrap().to_owned();
    let path = format!("/api/calls/{call}");
    settles(json!("never_bound"), async || gate.get(&path).await.json()["endReason"].clone()).await;
    assert_eq!(gate.get("/api/concurrent-metrics").await.json()["activeCalls"], 0);
}
