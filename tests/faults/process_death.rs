//! kill -9 of the real process, at the worst moments. The provider is another process and lives on.

use serde_json::json;

use crate::support::gate::{Gate, a_call};
use crate::support::http::Ask;
use crate::support::proxy::Line;
use crate::support::wait::{eventually, settles};

/// Counts of ledger and table, with what the ledger does not know of.
async fn counts(gate: &Gate) -> (u64, usize) {
    let status = gate.get("/api/concurrent-metrics/status").await.json();
    (status["activeCalls"].as_u64().unwrap(), status["calls"].as_array().unwrap().len())
}

async fn sweep_until(gate: &Gate, wanted: (u64, usize)) {
    eventually(&format!("sweeps bring ledger and table to {wanted:?}"), async || {
        gate.ask(Ask::post("/api/reconciliations")).await.expect(200);
        (counts(gate).await == wanted).then_some(())
    })
    .await;
}

fn assert_log_agrees(gate: &Gate) {
    let output = gate.run(&["replay", "--verify"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Test D of the sign-off.
#[actix::test]
async fn d_i1_i3_i6_five_live_calls_survive_a_kill_and_two_that_ended_meanwhile_are_freed_by_a_sweep() {
    let mut gate = Gate::builder().cap(5).start().await;
    for business in ["b1", "b2", "b3", "b4", "b5", "b6"] {
        gate.put_business(business, "PRO").await;
    }
    for business in ["b1", "b2", "b3", "b4", "b5"] {
        gate.post("/api/calls", &a_call(business)).await.expect(201);
    }
    gate.kill_9();
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    let conversations = gate.provider.live_conversations().await;
    gate.provider.hang_up(&conversations[0]).await;
    gate.provider.hang_up(&conversations[1]).await;
    gate.provider.behave(json!({"webhooks": {"lose": false}})).await;

    gate.start_again().await;
    assert_eq!(counts(&gate).await, (5, 5), "nobody has told the gate that two are over");
    let refused = gate.post("/api/calls", &a_call("b6")).await;
    refused.problem(503, "GLOBAL_CAPACITY_EXCEEDED");

    sweep_until(&gate, (3, 3)).await;
    gate.provider.hang_up_all().await;
    settles((0, 0), async || counts(&gate).await).await;
    assert_eq!(gate.provider.live().await, 0);
    assert_log_agrees(&gate);
}

#[actix::test]
async fn i1_i5_a_kill_between_commit_and_dial_never_dials_and_the_sweep_frees_the_slot() {
    let mut gate = Gate::builder()
        .cap(1)
        .behind_proxy()
        .env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "30")
        // The sweep after the start must not come before the slot is looked at, however slow the machine.
        .env("CALLGATE__RECONCILE__GRACE_SECONDS", "5")
        .start()
        .await;
    gate.put_business("b1", "PRO").await;
    gate.proxy().set(Line::Hold);
    let address = gate.address().to_owned();
    let asked = Ask::post("/api/calls").header("Idempotency-Key", "k1").json(&a_call("b1"));
    let pending = actix::spawn({
        let asked = asked.clone();
        async move { asked.send(&address).await }
    });
    eventually("the admission is committed", async || {
        let placing = gate.get("/api/calls?status=placing").await.json();
        (placing["calls"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    gate.kill_9();
    assert!(pending.await.unwrap().is_err(), "the process is gone, so nobody answers");
    gate.proxy().set(Line::Cut);
    gate.proxy().set(Line::Forward);

    gate.start_again().await;
    assert_eq!(counts(&gate).await, (1, 1), "it may have been dialled: the slot stays");
    let replayed = gate.ask(asked.clone()).await;
    replayed.problem(504, "CALL_OUTCOME_UNKNOWN");
    sweep_until(&gate, (0, 0)).await;
    let call = gate.ask(asked).await.expect(200);
    assert_eq!((call["status"].as_str(), call["endReason"].as_str()), (Some("failed"), Some("provider_missing")));
    assert_eq!(gate.provider.dialled().await, 0, "nobody dialled it again");
    assert_log_agrees(&gate);
}

#[actix::test]
async fn i1_i4_a_kill_between_dial_and_answer_never_dials_again_and_the_sweep_finds_the_call() {
    let mut gate = Gate::builder().cap(1).env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "30").start().await;
    gate.put_business("b1", "PRO").await;
    gate.provider.behave(json!({"placement": "hang_after_dial", "placementCount": 1})).await;
    let pending = actix::spawn({
        let address = gate.address().to_owned();
        async move { Ask::post("/api/calls").json(&a_call("b1")).send(&address).await }
    });
    settles(1, async || gate.provider.live().await).await;
    gate.kill_9();
    assert!(pending.await.unwrap().is_err(), "the process is gone, so nobody answers");

    gate.start_again().await;
    assert_eq!(counts(&gate).await, (1, 1));
    gate.post("/api/calls", &a_call("b1")).await.problem(503, "GLOBAL_CAPACITY_EXCEEDED");
    gate.ask(Ask::post("/api/reconciliations")).await.expect(200);
    let found = gate.get("/api/calls?status=active").await.json();
    let conversation = gate.provider.live_conversations().await.remove(0);
    assert_eq!(found["calls"][0]["providerCallId"], conversation.as_str());
    assert_eq!(gate.provider.dialled().await, 1);

    gate.provider.hang_up(&conversation).await;
    settles((0, 0), async || counts(&gate).await).await;
    assert_log_agrees(&gate);
}

#[actix::test]
async fn i4_one_key_is_one_dial_across_a_kill() {
    let mut gate = Gate::start().await;
    gate.put_business("b1", "PRO").await;
    let asked = Ask::post("/api/calls").header("Idempotency-Key", "k1").json(&a_call("b1"));
    let first = gate.ask(asked.clone()).await.expect(201);
    gate.kill_9();
    gate.start_again().await;
    let answers = futures_util::future::join_all((0..20).map(|_| gate.ask(asked.clone()))).await;
    for answer in answers {
        assert_eq!(answer.header("Idempotent-Replayed"), Some("true"));
        assert_eq!(answer.expect(200)["callId"], first["callId"]);
    }
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn i3_a_call_whose_time_is_over_while_nobody_is_there_is_hung_up_at_the_next_start() {
    let mut gate = Gate::builder().cap(1).env("CALLGATE__PLANS__PRO__MAX_DURATION_SECONDS", "2").start().await;
    gate.put_business("b1", "PRO").await;
    let mut call = a_call("b1");
    call["maxDurationSeconds"] = json!(3600);
    let call = gate.post("/api/calls", &call).await.expect(201);
    gate.kill_9();
    assert_eq!(gate.provider.live().await, 1, "nobody hangs up while the gate is away");
    gate.start_again().await;
    let ended = gate.call_becomes(call["callId"].as_str().unwrap(), "ended").await;
    assert_eq!(ended["endReason"], "max_duration");
    assert_eq!((gate.provider.live().await, counts(&gate).await), (0, (0, 0)));
    assert_log_agrees(&gate);
}

#[actix::test]
async fn i3_a_hang_up_that_the_provider_refuses_goes_on_after_a_kill() {
    let mut gate = Gate::builder().cap(1).start().await;
    gate.put_business("b1", "PRO").await;
    let call = gate.post("/api/calls", &a_call("b1")).await.expect(201);
    let path = format!("/api/calls/{}", call["callId"].as_str().unwrap());
    gate.provider.behave(json!({"terminate": "refuse"})).await;
    gate.delete(&path).await.expect(202);
    gate.kill_9();
    gate.provider.behave(json!({"terminate": "ok"})).await;
    gate.start_again().await;
    settles("ended".to_owned(), async || gate.get(&path).await.json()["status"].as_str().unwrap().to_owned()).await;
    assert_eq!(gate.get(&path).await.json()["endReason"], "operator");
    assert_eq!((gate.provider.live().await, counts(&gate).await), (0, (0, 0)));
}
