//! Sweeps on request: what was lost is found again (I3).

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::gate::Gate;
use crate::support::wait::{eventually, settles};

async fn a_gate_with_calls(count: usize) -> (Gate, Vec<String>) {
    let gate = Gate::start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    let ids = gate.start_calls("ent", count).await;
    (gate, ids)
}

#[actix::test]
async fn a_sweep_reports_in_the_shape_of_the_contract_and_finds_nothing_where_nothing_is() {
    let (gate, _) = a_gate_with_calls(2).await;

    let report = gate.post_reconciliation().await;

    for (key, value) in json!({
        "success": true, "cleaned": 0, "restored": 0, "activeSessionsCount": 2, "ledgerActiveCount": 2, "stuckInDb": 0,
        "stuckInLedger": 0, "corrections": [],
    })
    .as_object()
    .unwrap()
    {
        assert_eq!(report[key], *value, "{key} in {report}");
    }
    assert!(report["durationMs"].is_u64(), "{report}");
    let latest = gate.get("/api/reconciliations").await.text();
    assert!(latest.contains("ledgerActiveCount"), "{latest}");
    let of = async |scope: &str| gate.get(&format!("/api/reconciliations?scope={scope}")).await;
    assert_eq!(of("full").await.json()["reconciliations"].as_array().unwrap().len(), 1);
    assert_eq!(of("ledger").await.json(), json!({"reconciliations": []}));
    of("half").await.problem(400, "INVALID_REQUEST");
    gate.holds(2).await;
}

#[actix::test]
async fn i3_calls_whose_end_was_never_told_are_found_by_the_sweep() {
    let (gate, ids) = a_gate_with_calls(3).await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    for call_id in &ids[..2] {
        gate.provider.hang_up(&gate.conversation_of(call_id).await).await;
    }
    gate.holds(3).await;

    let mut corrected = BTreeSet::new();
    settles(1, async || {
        let report = gate.post_reconciliation().await;
        for correction in report["corrections"].as_array().unwrap() {
            assert_eq!(correction["reason"], "provider_ended", "{report}");
            corrected.insert(correction["callId"].as_str().unwrap().to_owned());
        }
        gate.concurrent_metrics().await["activeCalls"].as_u64().unwrap()
    })
    .await;

    assert_eq!(corrected, ids[..2].iter().cloned().collect());
    for call_id in &ids[..2] {
        let call = gate.get_call(call_id).await;
        assert_eq!((&call["status"], &call["endReason"]), (&json!("ended"), &json!("provider_ended")));
    }
    gate.holds(1).await;
    let counted = r#"callgate_sweep_corrections_total{reason="provider_ended"}"#;
    assert_eq!(gate.metric(counted).await, 2);
}

#[actix::test]
async fn a_provider_that_does_not_answer_proves_nothing() {
    let (gate, _) = a_gate_with_calls(2).await;
    gate.provider.behave(json!({"webhooks": {"lose": true}, "api": "500"})).await;
    gate.provider.hang_up_all().await;

    for _ in 0..3 {
        let report = gate.post_reconciliation().await;
        assert_eq!((&report["success"], &report["cleaned"]), (&json!(false), &json!(0)), "{report}");
    }

    gate.holds(2).await;
    gate.provider.behave(json!({"api": "ok"})).await;
    settles(0, async || {
        gate.post_reconciliation().await;
        gate.concurrent_metrics().await["activeCalls"].as_u64().unwrap()
    })
    .await;
}

#[actix::test]
async fn a_call_that_the_provider_started_unasked_is_adopted_as_overflow() {
    let (gate, _) = a_gate_with_calls(1).await;
    let call = gate.provider.post_inbound(json!({"agentId": "agent_in", "webhook": false})).await;
    let conversation = call["conversationId"].as_str().unwrap();

    let adopted = eventually("a sweep finds it", async || {
        gate.post_reconciliation().await;
        gate.get_calls(&format!("?providerCallId={conversation}")).await.into_iter().next()
    })
    .await;

    assert_eq!(adopted["status"], "active");
    let status = gate.status().await;
    assert_eq!((&status["overflow"], &status["activeCalls"]), (&json!(1), &json!(1)), "{status}");
    gate.provider.hang_up(conversation).await;
    settles(json!(0), async || gate.status().await["overflow"].clone()).await;
}

#[actix::test]
async fn a_gate_that_is_full_and_refusing_asks_the_provider_by_itself() {
    let gate = Gate::builder().cap(1).env("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", "1").start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.start_call("ent").await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up_all().await;

    let answer = eventually("the slot is found to be free", async || {
        let answer = gate.post_call("ent").await;
        (answer.code() == 201).then_some(answer)
    })
    .await;

    answer.expect(201);
    gate.holds(1).await;
}

#[actix::test]
async fn a_business_that_is_full_and_refused_is_looked_after_as_well() {
    let gate = Gate::builder().env("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", "1").start().await;
    gate.put_business("payg", "PAYG").await;
    gate.start_call("payg").await;
    gate.post_call("payg").await.capacity_problem("BUSINESS_LIMIT");
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up_all().await;

    eventually("the slot is found to be free", async || (gate.post_call("payg").await.code() == 201).then_some(()))
        .await;
    gate.holds(1).await;
}

#[actix::test]
async fn while_every_call_is_live_a_full_gate_asks_for_no_more_than_their_number() {
    let gate = Gate::builder().cap(2).env("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", "1").start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    let ids = gate.start_calls("ent", 2).await;
    let asked = async |operation: &str| {
        gate.metric(&format!(r#"callgate_provider_requests_total{{operation="{operation}",outcome="ok"}}"#)).await
    };
    let refused = async |looks: u64| {
        let before = asked("count").await;
        eventually("the provider is asked for the number", async || {
            gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
            (asked("count").await >= before + looks).then_some(())
        })
        .await;
    };
    // The first look compares the list with the number, and finds that they agree.
    refused(2).await;
    let lists = asked("list").await;
    assert!(lists > 0, "the list was read");
    refused(2).await;
    assert_eq!(asked("list").await, lists);

    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.provider.hang_up(&gate.conversation_of(&ids[0]).await).await;
    eventually("the slot is found to be free", async || (gate.post_call("ent").await.code() == 201).then_some(()))
        .await;
    assert!(asked("list").await > lists);
}

#[actix::test]
async fn i3_after_a_kill_the_gate_knows_its_calls_and_the_sweep_those_that_ended_meanwhile() {
    let (mut gate, ids) = a_gate_with_calls(5).await;
    gate.provider.behave(json!({"webhooks": {"lose": true}})).await;
    gate.kill_9();
    for conversation in gate.provider.live_conversations().await.into_iter().take(2) {
        gate.provider.hang_up(&conversation).await;
    }

    gate.start_again().await;

    gate.holds(5).await;
    gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    settles(3, async || {
        gate.post_reconciliation().await;
        gate.concurrent_metrics().await["activeCalls"].as_u64().unwrap()
    })
    .await;
    gate.provider.behave(json!({"webhooks": {"lose": false}})).await;
    gate.provider.hang_up_all().await;
    gate.holds(0).await;
    for call_id in ids {
        assert_eq!(gate.get_call(&call_id).await["status"], "ended");
    }
    let verified = gate.run(&["replay", "--verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
