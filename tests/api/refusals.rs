//! When it is the gate's own turn: it refuses at once, says so, and begins again by itself (I7).

use futures_util::future::join_all;
use serde_json::json;

use crate::support::gate::Gate;
use crate::support::proxy::Line;
use crate::support::wait::{eventually, settles};

#[actix::test]
async fn i7_with_a_fresh_database_nothing_is_admitted_until_the_provider_was_asked_for_its_live_calls() {
    let gate = Gate::builder().behind_proxy().cut_off().start().await;
    gate.put_business("42", "PRO").await;

    let problem = gate.post_call("42").await.problem(503, "CAPACITY_RECOVERING");

    assert!((45..=49).contains(&problem["retryAfter"].as_u64().unwrap()), "{problem}");
    assert_eq!(gate.status().await["ledgerMode"], "recovering");
    let stranger = gate.provider.post_inbound(json!({"agentId": "agent_in", "webhook": false})).await;
    gate.proxy().set(Line::Forward);
    settles(json!("memory"), async || gate.status().await["ledgerMode"].clone()).await;
    assert_eq!(gate.status().await["overflow"], 1, "who was live already is counted");
    assert_eq!(gate.call_of(stranger["conversationId"].as_str().unwrap()).await["status"], "active");
    gate.start_call("42").await;
}

#[actix::test]
async fn i7_beyond_the_bound_of_work_the_answer_is_overloaded_at_once() {
    let gate = Gate::builder().cap(50).env("CALLGATE__SERVER__MAX_IN_FLIGHT", "2").start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.provider.behave(json!({"answerDelayMs": 1_000})).await;

    let answers = join_all((0..10).map(|_| gate.post_call("ent"))).await;

    let started = answers.iter().filter(|answer| answer.code() == 201).count();
    assert_eq!(started, 2, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.code() != 201) {
        answer.problem(503, "OVERLOADED");
    }
    assert_eq!(gate.metric("callgate_overloaded_total").await, 8);
    gate.holds(2).await;
    gate.start_call("ent").await;
}

#[actix::test]
async fn a_storm_of_refusals_is_counted_exactly_and_told_in_the_feed() {
    let gate = Gate::builder().cap(1).start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.start_call("ent").await;

    let answers = join_all((0..200).map(|_| gate.post_call("ent"))).await;

    for answer in &answers {
        answer.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
    let counted = r#"concurrent_rejected_total{reason="GLOBAL_CAPACITY_EXCEEDED",plan="ENTERPRISE"}"#;
    assert_eq!(gate.metric(counted).await, 200);
    eventually("a refusal is in the feed", async || {
        let events = gate.get("/api/concurrent-metrics/events?limit=20").await.text();
        events.contains("AdmissionRejected").then_some(())
    })
    .await;
    assert_eq!(gate.get_calls("?limit=100").await.len(), 1, "a refusal has no call");
    gate.holds(1).await;
}
