//! One cap and one limit, however many replicas decide.

use std::time::Instant;

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::http::Answer;
use crate::support::load::calls_at_once;
use crate::support::wait::{measured, settles};

const BUSINESSES: [&str; 4] = ["b1", "b2", "b3", "b4"];

/// Exactly so many were started; every other caller was told when to come back.
fn assert_exactly_start(answers: &[Answer], started: usize, error: &str) {
    let (yes, no): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.code() == 201);
    assert_eq!(yes.len(), started, "{:?}", crate::support::load::Tally::of(answers));
    for answer in no {
        let problem = answer.capacity_problem(error);
        assert_eq!(answer.header("retry-after"), Some(problem["retryAfter"].to_string().as_str()), "{answer}");
    }
}

async fn assert_judged(cluster: &Cluster, started: u64) {
    let state = cluster.provider.state().await;
    let seen = (&state["maxLiveOutbound"], &state["live"], &state["dialled"], &state["rejected429"]);
    assert_eq!(seen, (&json!(started), &json!(started), &json!(started), &json!(0)));
}

#[actix::test]
async fn i1_of_a_thousand_calls_at_once_at_three_replicas_exactly_the_cap_start() {
    let cluster = Cluster::of(3).cap(5).env("RUST_LOG", "info").start().await;
    cluster.put_businesses(&BUSINESSES).await;

    let began = Instant::now();
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 1000, 8);
    println!("1000 calls at once, cap 5: {:?}", began.elapsed());

    assert_exactly_start(&answers, 5, "GLOBAL_CAPACITY_EXCEEDED");
    assert_judged(&cluster, 5).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_a_cap_that_is_changed_at_one_replica_counts_at_all() {
    let cluster = Cluster::of(3).cap(5).env("RUST_LOG", "info").start().await;
    cluster.put_businesses(&BUSINESSES).await;

    cluster.replica(2).put_pool(&json!({"cap": 50, "paused": false})).await;
    let began = Instant::now();
    for replica in cluster.running() {
        settles(json!(50), async || replica.concurrent_metrics().await["globalStatus"]["limit"].clone()).await;
    }
    println!("a changed cap counts at all replicas after {:?}", began.elapsed());
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 1000, 8);

    assert_exactly_start(&answers, 50, "GLOBAL_CAPACITY_EXCEEDED");
    assert_judged(&cluster, 50).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i2_a_business_limit_is_exact_over_replicas() {
    let cluster = Cluster::of(3).cap(20).start().await;
    cluster.replica(1).put_business("pro", "PRO").await;
    cluster.replica(3).put_business("payg", "PAYG").await;

    let answers = calls_at_once(cluster.addresses(), &["pro"], 60, 6);
    assert_exactly_start(&answers, 3, "BUSINESS_LIMIT");
    let answers = calls_at_once(cluster.addresses(), &["payg"], 30, 3);
    assert_exactly_start(&answers, 1, "BUSINESS_LIMIT");

    assert_judged(&cluster, 4).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i2_a_limit_that_is_changed_at_one_replica_counts_at_all() {
    let cluster = Cluster::of(3).cap(20).start().await;
    let with_limit = |limit: u32| json!({"name": "b1", "plan": "PRO", "status": "ACTIVE", "concurrentLimit": limit});
    cluster.replica(1).change_business("b1", &with_limit(1)).await;
    cluster.replica(1).start_call("b1").await;
    for replica in cluster.running() {
        replica.post_call("b1").await.capacity_problem("BUSINESS_LIMIT");
    }

    cluster.replica(3).change_business("b1", &with_limit(2)).await;
    measured("a changed limit counts at another replica", async || {
        (cluster.replica(2).post_call("b1").await.code() == 201).then_some(())
    })
    .await;

    for replica in cluster.running() {
        replica.post_call("b1").await.capacity_problem("BUSINESS_LIMIT");
    }
    cluster.ends_well().await;
}
