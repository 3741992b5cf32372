//! Redis that dies, stops, forgets, or answers slowly, while calls come and go at several replicas.

use std::time::Duration;

use serde_json::json;

use crate::support::cluster::{Builder, Cluster};
use crate::support::load::{Load, Tally};
use crate::support::proxy::Line;
use crate::support::wait::measured;
use crate::support::webhook::ending;

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

/// What a caller may be told, besides that his call is started, while the ledger is in trouble.
const REFUSALS: [&str; 3] =
    ["503 GLOBAL_CAPACITY_EXCEEDED", "503 CAPACITY_RECOVERING", "503 CAPACITY_STORE_UNAVAILABLE"];

/// Callers at both replicas, and short talks.
async fn under_load(builder: Builder) -> (Cluster, Load) {
    let cluster = builder.start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);
    goes_on("calls start at first", &load).await;
    (cluster, load)
}

/// Calls are started again.
async fn goes_on(what: &str, load: &Load) {
    let before = load.so_far().started();
    measured(what, async || (load.so_far().started() >= before + 10).then_some(())).await;
}

/// Somebody is refused because Redis does not answer.
async fn fails_closed(load: &Load) {
    let refused = "503 CAPACITY_STORE_UNAVAILABLE";
    let before = load.so_far().count_of(refused);
    measured("the first refusal for want of Redis", async || (load.so_far().count_of(refused) > before).then_some(()))
        .await;
}

async fn ends_well(cluster: &Cluster, load: Load) -> Tally {
    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&REFUSALS);
    cluster.ends_well().await;
    tally
}

#[actix::test]
async fn i1_i3_a_redis_that_is_killed_and_comes_back_empty_is_filled_again_from_the_table() {
    let (mut cluster, load) = under_load(Cluster::of(2).cap(5)).await;

    for _ in 0..3 {
        cluster.redis.kill_9();
        cluster.redis.start_again();
        goes_on("calls start after Redis came back empty", &load).await;
    }

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i1_i7_a_redis_that_stops_answering_for_a_while_refuses_calls_and_loses_none() {
    let (cluster, load) = under_load(Cluster::of(2).cap(5)).await;

    for _ in 0..2 {
        cluster.redis.pause();
        fails_closed(&load).await;
        cluster.redis.resume();
        goes_on("calls start after Redis went on", &load).await;
    }

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i1_i3_a_redis_that_forgets_everything_under_load_is_filled_again() {
    let (cluster, load) = under_load(Cluster::of(2).cap(5)).await;

    for _ in 0..5 {
        cluster.redis.ask::<()>(&["FLUSHALL"]);
        goes_on("calls start after Redis forgot everything", &load).await;
    }

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i1_i3_a_redis_that_lost_some_of_its_keys_is_not_believed() {
    let (cluster, load) = under_load(Cluster::of(2).cap(5)).await;

    let keys: Vec<String> = cluster.redis.ask(&["KEYS", "*"]);
    assert!(!keys.is_empty());
    for key in &keys {
        cluster.redis.ask::<()>(&["DEL", key]);
        goes_on(&format!("calls start after {key} was lost"), &load).await;
    }

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i1_i3_a_line_to_redis_that_is_slow_or_too_slow_costs_time_and_no_slot() {
    let (cluster, load) = under_load(Cluster::of(2).cap(5).lines_to_redis()).await;

    cluster.replica(1).line().set(Line::Slow(Duration::from_millis(40)));
    goes_on("calls start while the line of one replica is slow", &load).await;
    // Longer than an answer is waited for: what the ledger did is not known when it is done.
    cluster.replica(1).line().set(Line::Slow(Duration::from_millis(700)));
    fails_closed(&load).await;
    cluster.replica(1).line().set(Line::Forward);
    goes_on("calls start when the line is as it was", &load).await;

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i1_i7_a_replica_that_is_cut_off_refuses_while_the_other_goes_on() {
    // What ends at the replica that is cut off is given back by the sweep of the other.
    let (cluster, load) = under_load(Cluster::of(2).cap(5).lines_to_redis().sweeps_the_ledger()).await;

    for line in [Line::Cut, Line::Hold] {
        cluster.replica(2).line().set(line);
        fails_closed(&load).await;
        goes_on("calls start at the replica that still sees Redis", &load).await;
        measured("the replica that is cut off says that it is not ready", async || {
            let ready = cluster.replica(2).get("/health/ready").await;
            (ready.code() == 503 && ready.json()["part"] == "redis").then_some(())
        })
        .await;
        assert_eq!(cluster.replica(1).mode().await, "redis");
        cluster.replica(2).line().set(Line::Forward);
        measured("the replica is ready again", async || (cluster.replica(2).mode().await == "redis").then_some(()))
            .await;
    }

    ends_well(&cluster, load).await;
}

#[actix::test]
async fn i3_a_slot_that_could_not_be_given_back_is_given_back_when_the_line_is_there_again() {
    let cluster = Cluster::of(2).cap(2).lines_to_redis().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    let calls = cluster.replica(2).start_calls("b1", 2).await;
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;

    cluster.replica(2).line().set(Line::Cut);
    for call in &calls {
        let conversation = cluster.replica(2).conversation_of(call).await;
        cluster.provider.hang_up(&conversation).await;
        let ended = ending("conversation.ended", &conversation, "agent_1");
        assert_eq!(cluster.replica(2).outcome_of(&ended).await, "ended");
    }
    cluster.replica(1).post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    cluster.replica(2).line().set(Line::Forward);

    measured("the slots are free, without a sweep", async || {
        (cluster.replica(1).concurrent_metrics().await["activeCalls"] == 0).then_some(())
    })
    .await;
    cluster.replica(1).start_calls("b2", 2).await;
    cluster.ends_well().await;
}
