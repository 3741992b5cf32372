//! A panic in each kind of actor: it starts again, knows what it knew, and nobody else notices.

use callgate::actors::crash::Crash;
use callgate::domain::ids::{CallId, PoolId};
use callgate::store::{Home, NewEpoch};

use crate::inside::Inside;
use crate::support::gate::a_call;
use crate::support::wait::{eventually, settles};

/// A gate with three live calls of three businesses.
async fn three_calls() -> (Inside, Vec<CallId>) {
    let inside = Inside::start().await;
    let mut calls = Vec::new();
    for business in ["b1", "b2", "b3"] {
        inside.put_business(business).await;
        let call = inside.post("/api/calls", &a_call(business)).await.expect(201);
        calls.push(call["callId"].as_str().unwrap().parse().unwrap());
    }
    (inside, calls)
}

async fn restarted(inside: &Inside, actor: &str) {
    eventually(&format!("the {actor} actor runs again"), async || {
        let line = inside.actor(actor).await;
        let crash = &line["lastCrash"]["reason"];
        (line["restarts"] == 1 && line["state"] == "running" && crash == "a crash was asked for").then_some(())
    })
    .await;
}

/// Every call ends by its webhook, and everything is 0.
async fn ends_well(inside: &Inside) {
    inside.provider.hang_up_all().await;
    settles(0, async || inside.held().await).await;
    assert_eq!(
        inside.get("/api/calls?status=placing,uncertain,active,terminating").await["calls"],
        serde_json::json!([])
    );
}

#[actix::test]
async fn i6_the_capacity_actor_reads_from_the_table_who_holds_a_slot() {
    let (inside, _) = three_calls().await;
    let before = inside.get("/debug/actors/capacity").await;
    inside.gate.capacity().do_send(Crash);
    restarted(&inside, "capacity").await;
    let after = inside.get("/debug/actors/capacity").await;
    assert_eq!(after["ledger"]["total"], before["ledger"]["total"]);
    assert_eq!(after["ledger"]["businesses"], before["ledger"]["businesses"]);
    assert_eq!(after["ledger"]["epoch"].as_u64().unwrap(), before["ledger"]["epoch"].as_u64().unwrap() + 1);
    inside.post("/api/calls", &a_call("b1")).await.expect(201);
    ends_well(&inside).await;
}

#[actix::test]
async fn i5_the_journal_stores_what_comes_after_its_crash() {
    let (inside, _) = three_calls().await;
    inside.gate.journal().do_send(Crash);
    inside.post("/api/calls", &a_call("b1")).await.expect(201);
    restarted(&inside, "journal").await;
    assert_eq!(inside.held().await, 4);
    ends_well(&inside).await;
}

#[actix::test]
async fn the_supervisor_sweeps_after_its_crash() {
    let (inside, _) = three_calls().await;
    inside.gate.supervisor().do_send(Crash);
    restarted(&inside, "supervisor").await;
    let report = inside.post("/api/reconciliations", &serde_json::json!({})).await.expect(200);
    assert_eq!((report["activeSessionsCount"].as_u64(), report["cleaned"].as_u64()), (Some(3), Some(0)));
    ends_well(&inside).await;
}

#[actix::test]
async fn i6_a_session_is_what_it_was_and_others_notice_nothing() {
    let (inside, calls) = three_calls().await;
    let debug = |call: CallId| format!("/debug/actors/sessions/{call}");
    let before = inside.get(&debug(calls[0])).await;
    let others = inside.get(&debug(calls[1])).await["sequence"].clone();
    assert!(inside.gate.directory().begin(calls[0]).send(Crash).await.is_err(), "it crashed at the message");
    restarted(&inside, "sessions").await;
    let after = inside.get(&debug(calls[0])).await;
    assert_eq!((&after["state"], &after["sequence"]), (&before["state"], &before["sequence"]));
    assert_eq!(inside.get(&debug(calls[1])).await["sequence"], others);
    assert_eq!(inside.held().await, 3);
    ends_well(&inside).await;
}

#[actix::test]
async fn i3_a_session_that_crashes_while_it_dials_keeps_its_slot_until_its_call_is_found() {
    let inside = Inside::start().await;
    inside.put_business("b1").await;
    inside.provider.behave(serde_json::json!({"answerDelayMs": 5000})).await;
    let asked = crate::support::http::Ask::post("/api/calls").header("Prefer", "respond-async").json(&a_call("b1"));
    let call: CallId = inside.ask(asked).await.expect(202)["callId"].as_str().unwrap().parse().unwrap();
    settles(1, async || inside.provider.live().await).await;
    assert!(inside.gate.directory().begin(call).send(Crash).await.is_err());
    assert_eq!(inside.held().await, 1);
    inside.provider.behave(serde_json::json!({"answerDelayMs": 0})).await;
    ends_well(&inside).await;
    assert_eq!(inside.provider.dialled().await, 1);
}

/// As if another process had taken the database, past the process lock.
#[actix::test]
async fn i1_a_gate_whose_epoch_was_taken_refuses_and_then_takes_it_back() {
    let (inside, _) = three_calls().await;
    inside.gate.store().begin_epoch(&PoolId::default_pool(), NewEpoch::at(Home::Memory)).await.unwrap();
    inside.post("/api/calls", &a_call("b1")).await.problem(503, "CAPACITY_RECOVERING");
    eventually("admissions begin again", async || {
        (inside.post("/api/calls", &a_call("b1")).await.code() == 201).then_some(())
    })
    .await;
    assert_eq!(inside.held().await, 4);
    ends_well(&inside).await;
}

#[actix::test]
async fn an_actor_that_crashes_again_and_again_ends_the_process_with_an_error() {
    let inside = Inside::start().await;
    for _ in 0..40 {
        inside.gate.journal().do_send(Crash);
    }
    eventually("the gate drains", async || inside.gate.is_draining().then_some(())).await;
}
