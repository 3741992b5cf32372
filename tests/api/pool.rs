//! The pool: its cap and pause at run time, and what plans have reserved.

use serde_json::json;

use crate::support::gate::Gate;
use crate::support::wait::settles;

async fn a_gate_with(cap: u32) -> Gate {
    let gate = Gate::builder().cap(cap).start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate
}

#[actix::test]
async fn i1_a_raised_cap_counts_at_once_and_a_lowered_one_cuts_nothing() {
    let gate = a_gate_with(2).await;
    let ids = gate.start_calls("ent", 2).await;
    gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    gate.put_pool(&json!({"cap": 4})).await;
    gate.start_calls("ent", 2).await;
    gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    gate.put_pool(&json!({"cap": 1, "paused": false})).await;
    gate.holds(4).await;
    assert_eq!(gate.provider.live().await, 4);
    let problem = gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    assert_eq!((&problem["globalCurrent"], &problem["globalLimit"]), (&json!(4), &json!(1)));
    let status = gate.concurrent_metrics().await["globalStatus"].clone();
    assert_eq!((&status["limit"], &status["available"]), (&json!(1), &json!(0)));

    gate.provider.hang_up(&gate.conversation_of(&ids[0]).await).await;
    gate.holds(3).await;
    gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    gate.provider.hang_up_all().await;
    gate.holds(0).await;
    gate.start_call("ent").await;
    gate.post_call("ent").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
}

#[actix::test]
async fn a_paused_pool_admits_nothing_and_cuts_nothing() {
    let gate = a_gate_with(5).await;
    gate.start_call("ent").await;

    gate.put_pool(&json!({"paused": true})).await;

    let problem = gate.post_call("ent").await.capacity_problem("POOL_PAUSED");
    assert!((45..=49).contains(&problem["retryAfter"].as_u64().unwrap()), "{problem}");
    gate.holds(1).await;
    let pool = gate.get("/api/pools/default").await.expect(200);
    assert_eq!((&pool["cap"], &pool["paused"]), (&json!(5), &json!(true)));
    gate.put_pool(&json!({"paused": false})).await;
    gate.start_call("ent").await;
}

#[actix::test]
async fn what_was_changed_at_run_time_outlives_a_restart_until_the_configuration_changes() {
    let mut gate = a_gate_with(5).await;
    gate.put_pool(&json!({"cap": 3, "paused": true})).await;

    gate.start_again().await;

    let pool = gate.get("/api/pools/default").await.expect(200);
    assert_eq!((&pool["cap"], &pool["paused"]), (&json!(3), &json!(true)));
}

#[actix::test]
async fn a_change_of_the_pool_is_in_the_event_feed() {
    let gate = a_gate_with(5).await;
    gate.put_pool(&json!({"cap": 7})).await;
    settles(true, async || {
        let events = gate.get("/api/concurrent-metrics/events?limit=20").await.expect(200);
        let events = events["events"].as_array().unwrap();
        events.iter().any(|event| event["type"] == "PoolChanged" && event["data"]["cap"] == 7)
    })
    .await;
}

#[actix::test]
async fn a_free_slot_that_another_plan_has_reserved_is_not_given_away() {
    let gate = Gate::builder().cap(5).plan("PRO", 5, 2).start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.put_business("pro", "PRO").await;
    gate.start_calls("ent", 3).await;

    let problem = gate.post_call("ent").await.capacity_problem("PLAN_CAPACITY_RESERVED");
    assert_eq!((&problem["globalCurrent"], &problem["globalLimit"]), (&json!(3), &json!(5)));
    let counted = r#"concurrent_rejected_total{reason="PLAN_CAPACITY_RESERVED",plan="ENTERPRISE"}"#;
    assert_eq!(gate.metric(counted).await, 1);
    gate.start_calls("pro", 2).await;
    gate.post_call("pro").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    let reserved = r#"callgate_slots_reserved{plan="PRO"}"#;
    assert_eq!(gate.metric(reserved).await, 2);
    gate.holds(5).await;
}

#[actix::test]
async fn a_plan_of_ones_own_is_offered_like_the_others() {
    let gate = Gate::builder().plan("GOLD", 2, 0).start().await;
    gate.put_business("gold", "GOLD").await;
    gate.start_calls("gold", 2).await;
    gate.post_call("gold").await.capacity_problem("BUSINESS_LIMIT");
    assert_eq!(gate.concurrent_metrics().await["globalStatus"]["byPlan"]["GOLD"], 2);
}

#[actix::test]
async fn i1_a_provider_with_a_smaller_cap_than_the_gate_believes_says_429_and_nothing_leaks() {
    let gate = Gate::builder().cap(5).provider_cap(2).start().await;
    gate.put_business("ent", "ENTERPRISE").await;
    gate.start_calls("ent", 2).await;
    for _ in 0..5 {
        gate.post_call("ent").await.problem(503, "ELEVENLABS_429_RATE_LIMIT");
    }
    gate.holds(2).await;
    assert_eq!(gate.metric("elevenlabs_429_total").await, 5);
}
