//! Where admissions are decided: in Redis, in the database while no replica reaches Redis, and in Redis again.

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::load::{Tally, calls_at_once};
use crate::support::proxy::Line;
use crate::support::wait::{eventually, measured};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

/// Sixty calls at once at all replicas: exactly so many start, and the pool is full for the others.
fn exactly_start(cluster: &Cluster, started: usize) {
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 60, 4);
    for refused in answers.iter().filter(|answer| answer.code() != 201) {
        refused.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
    assert_eq!(Tally::of(&answers).started(), started);
}

async fn hang_up_some(cluster: &Cluster, count: usize) {
    let live = cluster.provider.live_conversations().await;
    for conversation in &live[..count] {
        cluster.provider.hang_up(conversation).await;
    }
    cluster.sweeps_to((live.len() - count) as u64).await;
}

#[actix::test]
async fn i1_without_redis_the_database_decides_and_live_calls_are_carried_over_both_ways() {
    let mut cluster = Cluster::of(3).cap(6).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.replica(1).start_calls("b1", 4).await;

    cluster.redis.kill_9();
    measured("the database decides at every replica", async || decided_in(&cluster, "database").await).await;
    for replica in cluster.running() {
        let epoch = replica.get("/health/ready").await.expect(200)["epoch"].clone();
        assert!(epoch.is_u64(), "{epoch}");
        let status = replica.status().await;
        assert_eq!((&status["ledgerMode"], &status["ledgerEpoch"]), (&json!("database"), &epoch));
        let ledger = &replica.actor("capacity").await["ledger"];
        assert_eq!((&ledger["mode"], &ledger["epoch"]), (&json!("database"), &epoch));
        for (mode, value) in [("database", 1), ("redis", 0), ("recovering", 0)] {
            assert_eq!(replica.metric(&format!("callgate_ledger_mode{{mode=\"{mode}\"}}")).await, value, "{mode}");
        }
        assert_eq!(json!(replica.metric("callgate_ledger_epoch").await), epoch);
    }
    exactly_start(&cluster, 2);
    hang_up_some(&cluster, 3).await;
    exactly_start(&cluster, 3);

    cluster.redis.start_again();
    measured("Redis decides at every replica", async || decided_in(&cluster, "redis").await).await;
    exactly_start(&cluster, 0);
    cluster.sweeps_to(6).await;
    hang_up_some(&cluster, 2).await;
    exactly_start(&cluster, 2);
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_redis_that_comes_and_goes_while_calls_are_asked_for_never_lets_one_too_many_in() {
    let mut cluster = Cluster::of(2).cap(4).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let load = crate::support::load::Load::start(cluster.addresses(), &BUSINESSES, 4);

    for _ in 0..2 {
        cluster.redis.kill_9();
        measured("the database decides", async || decided_in(&cluster, "database").await).await;
        let before = load.so_far().started();
        eventually("calls start without Redis", async || (load.so_far().started() > before + 5).then_some(())).await;
        cluster.redis.start_again();
        measured("Redis decides", async || decided_in(&cluster, "redis").await).await;
        let before = load.so_far().started();
        eventually("calls start with Redis", async || (load.so_far().started() > before + 5).then_some(())).await;
    }

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&["503 GLOBAL_CAPACITY_EXCEEDED", "503 CAPACITY_RECOVERING", "503 CAPACITY_STORE_UNAVAILABLE"]);
    cluster.ends_well().await;
}

#[actix::test]
async fn i7_a_replica_that_alone_is_cut_off_from_redis_answers_503_and_the_other_goes_on() {
    let cluster = Cluster::of(2).cap(4).lines_to_redis().start().await;
    cluster.put_businesses(&BUSINESSES).await;

    cluster.replica(1).line().set(Line::Cut);
    measured("the replica says that it is cut off", async || {
        let ready = cluster.replica(1).get("/health/ready").await;
        (ready.code() == 503 && ready.json()["part"] == "redis").then_some(())
    })
    .await;

    cluster.replica(1).post_call("b1").await.problem(503, "CAPACITY_STORE_UNAVAILABLE");
    cluster.replica(2).start_call("b1").await;
    assert_eq!(cluster.replica(2).mode().await, "redis");
    cluster.replica(1).line().set(Line::Forward);
    measured("the replica is ready again", async || (cluster.replica(1).mode().await == "redis").then_some(())).await;
    exactly_start(&cluster, 3);
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_i7_redis_that_comes_back_for_one_replica_only_decides_there_and_the_other_refuses() {
    let cluster = Cluster::of(2).cap(4).lines_to_redis().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.replica(1).start_calls("b1", 1).await;

    for replica in cluster.running() {
        replica.line().set(Line::Cut);
    }
    measured("the database decides", async || decided_in(&cluster, "database").await).await;
    cluster.replica(2).start_calls("b2", 2).await;
    cluster.replica(2).line().set(Line::Forward);
    measured("Redis decides at the one that reaches it", async || {
        (cluster.replica(2).mode().await == "redis").then_some(())
    })
    .await;
    eventually("the other refuses", async || {
        let refused = cluster.replica(1).post_call("b1").await;
        assert_ne!(refused.code(), 201, "the database does not decide any more");
        (refused.json()["error"] == "CAPACITY_STORE_UNAVAILABLE").then_some(())
    })
    .await;
    cluster.replica(2).start_call("b3").await;
    cluster.replica(2).post_call("b3").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");

    cluster.replica(1).line().set(Line::Forward);
    measured("Redis decides", async || decided_in(&cluster, "redis").await).await;
    exactly_start(&cluster, 0);
    cluster.ends_well().await;
}

async fn decided_in(cluster: &Cluster, mode: &str) -> Option<()> {
    for replica in cluster.running() {
        if replica.mode().await != mode {
            return None;
        }
    }
    Some(())
}
