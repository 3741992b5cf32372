//! A Redis that is replaced by its replica, which lacks the last writes.

use callgate_rig::Redis;
use serde_json::json;

use crate::support::cluster::{Cluster, Replica};
use crate::support::load::{Load, Tally, calls_at_once};
use crate::support::proxy::{Line, Proxy};
use crate::support::wait::{eventually, measured};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

/// A replica of the cluster's Redis, over a line that can be held.
async fn follower(cluster: &Cluster) -> (Redis, Proxy) {
    let link = Proxy::to(&cluster.redis.url());
    let (host, port) = link.authority().split_once(':').unwrap();
    let follower = Redis::start_with(&["--replicaof", host, port]);
    eventually("the follower is in step", async || in_step(cluster, &follower).then_some(())).await;
    (follower, link)
}

/// Whether the follower has every slot that its master has.
fn in_step(cluster: &Cluster, follower: &Redis) -> bool {
    let replication: String = follower.ask(&["INFO", "replication"]);
    replication.contains("master_link_status:up") && slots(follower) == slots(&cluster.redis)
}

fn slots(redis: &Redis) -> u64 {
    redis.ask(&["HLEN", "{callgate:default}:slots"])
}

/// As an operator or a sentinel would: the follower is the master now, and everybody is led to it.
fn promote(cluster: &Cluster, follower: &Redis) {
    follower.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    for replica in cluster.running() {
        lead_to(replica, follower);
    }
}

fn lead_to(replica: &Replica, redis: &Redis) {
    replica.line().lead_to(&[&redis.url()]);
    replica.line().set(Line::Cut);
    replica.line().set(Line::Forward);
}

async fn epoch_of(cluster: &Cluster, number: usize) -> Option<u64> {
    let health = cluster.replica(number).get("/health/ready").await.json();
    if health["mode"] == "redis" { health["epoch"].as_u64() } else { None }
}

#[actix::test]
async fn i1_a_promoted_redis_that_lacks_the_last_writes_is_noticed_and_filled_from_the_table() {
    let mut cluster = Cluster::of(2).cap(5).lines_to_redis().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.replica(1).start_calls("b1", 2).await;
    let (follower, link) = follower(&cluster).await;
    let before = epoch_of(&cluster, 1).await.unwrap();

    link.set(Line::Hold);
    cluster.replica(2).start_calls("b2", 3).await;
    cluster.redis.kill_9();
    assert_eq!((slots(&follower), cluster.provider.live().await), (2, 5), "the follower lacks three calls");
    promote(&cluster, &follower);

    for number in [1, 2] {
        measured("a replica decides in the promoted Redis", async || {
            epoch_of(&cluster, number).await.filter(|epoch| *epoch > before)
        })
        .await;
    }
    assert_eq!(slots(&follower), 5);
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 40, 4);
    assert!(answers.iter().all(|answer| answer.code() == 503), "{:?}", Tally::of(&answers));
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_a_redis_that_is_replaced_under_the_replicas_without_a_pause_is_noticed_by_its_identity() {
    let cluster = Cluster::of(2).cap(5).lines_to_redis().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.replica(1).start_calls("b1", 1).await;
    let (follower, link) = follower(&cluster).await;
    let before = epoch_of(&cluster, 1).await.unwrap();

    // The old master lives on, cut off from everybody: nobody sees a Redis that does not answer.
    link.set(Line::Hold);
    cluster.replica(2).start_calls("b2", 4).await;
    promote(&cluster, &follower);
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 40, 4);

    assert!(answers.iter().all(|answer| answer.code() == 503), "{:?}", Tally::of(&answers));
    eventually("the promoted Redis is filled", async || (slots(&follower) == 5).then_some(())).await;
    eventually("under a later epoch", async || epoch_of(&cluster, 1).await.filter(|epoch| *epoch > before)).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_replicas_that_are_led_to_two_different_servers_never_let_one_too_many_in_together() {
    let cluster = Cluster::of(2).cap(4).lines_to_redis().sweeps_the_ledger().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let another = Redis::start();
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);
    let go_on = async |what: &str, calls: usize| {
        let before = load.so_far().started();
        measured(what, async || (load.so_far().started() >= before + calls).then_some(())).await;
    };
    go_on("calls start at first", 10).await;

    lead_to(cluster.replica(2), &another);
    let epoch = || cluster.database.number("SELECT epoch FROM ledger_epoch");
    let before = epoch();
    measured("each of them has rebuilt its own more than once", async || (epoch() > before + 3).then_some(())).await;
    lead_to(cluster.replica(2), &cluster.redis);
    go_on("calls start on one server", 10).await;

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&["503 GLOBAL_CAPACITY_EXCEEDED", "503 CAPACITY_RECOVERING", "503 CAPACITY_STORE_UNAVAILABLE"]);
    cluster.ends_well().await;
}
