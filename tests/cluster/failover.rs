//! A Redis that is replaced by its replica, which lacks the last writes.

use callgate_rig::Redis;

use crate::support::cluster::Cluster;
use crate::support::load::{Tally, calls_at_once};
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
        replica.line().lead_to(&[&follower.url()]);
        replica.line().set(Line::Cut);
        replica.line().set(Line::Forward);
    }
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
