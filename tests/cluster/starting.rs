//! How replicas start: together, without Redis, and not where they would be on their own.

use std::collections::BTreeMap;
use std::process::Output;

use crate::support::cluster::Cluster;
use crate::support::process::callgate;
use crate::support::wait::{measured, settles};

/// Runs `serve` until it ends by itself.
fn serve(cluster: &Cluster, env: &BTreeMap<String, String>) -> Output {
    callgate(cluster.folder()).arg("serve").envs(env).output().unwrap()
}

/// It ends with exit code 2 and one line that says this.
fn assert_refused(output: &Output, says: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    let reason = error.lines().last().unwrap_or_default();
    for word in says {
        assert!(reason.contains(word), "{word:?} is not in {reason:?}");
    }
}

#[actix::test]
async fn replicas_that_start_at_once_on_an_empty_database_agree_on_its_schema() {
    let cluster = Cluster::of(4).cap(5).start().await;
    cluster.put_businesses(&["b1"]).await;
    for replica in cluster.running() {
        replica.start_call("b1").await;
    }
    cluster.sweeps_to(4).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i7_a_replica_that_starts_without_redis_admits_nothing_until_somebody_may_decide() {
    let mut cluster = Cluster::of(2).cap(2).prepare().await;
    cluster.redis.kill_9();
    cluster.start_all();
    cluster.put_businesses(&["b1"]).await;
    for replica in cluster.running() {
        let refused = replica.post_call("b1").await;
        assert_eq!(refused.code(), 503, "{refused}");
    }

    cluster.redis.start_again();
    measured("Redis decides after it was away at the start", async || {
        for replica in cluster.running() {
            if replica.mode().await != "redis" {
                return None;
            }
        }
        Some(())
    })
    .await;
    cluster.replica(1).start_call("b1").await;
    cluster.replica(2).start_call("b1").await;
    cluster.replica(1).post_call("b1").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_i7_where_redis_stays_away_from_the_start_the_database_decides_in_the_end() {
    let mut cluster = Cluster::of(2).cap(2).prepare().await;
    cluster.redis.kill_9();
    cluster.start_all();

    for replica in cluster.running() {
        settles("database".to_owned(), async || replica.mode().await).await;
    }
    cluster.put_businesses(&["b1"]).await;
    cluster.replica(1).start_call("b1").await;
    cluster.replica(2).start_call("b1").await;
    cluster.replica(1).post_call("b1").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_a_replica_without_redis_is_refused_where_replicas_share_one() {
    let cluster = Cluster::of(1).start().await;
    let mut alone = cluster.env(1).clone();
    alone.remove("REDIS_URL");

    assert_refused(&serve(&cluster, &alone), &["redis.url"]);

    cluster.put_businesses(&["b1"]).await;
    cluster.replica(1).start_call("b1").await;
}

#[actix::test]
async fn i1_a_replica_with_redis_is_refused_where_one_runs_without() {
    let mut cluster = Cluster::of(2).prepare().await;
    let shared = cluster.env(2).clone();
    cluster.replica_mut(1).forget("REDIS_URL");
    cluster.start_again(1);
    cluster.admits().await;
    assert_eq!(cluster.replica(1).mode().await, "memory");

    assert_refused(&serve(&cluster, &shared), &["redis.url"]);
    let mut alone = shared;
    alone.remove("REDIS_URL");
    assert_refused(&serve(&cluster, &alone), &["redis.url"]);

    cluster.put_businesses(&["b1"]).await;
    cluster.replica(1).start_call("b1").await;
}

#[actix::test]
async fn a_shared_ledger_with_a_provider_of_each_replica_s_own_is_refused() {
    let cluster = Cluster::of(1).prepare().await;
    let mut env = cluster.env(1).clone();
    env.remove("ELEVENLABS_API_KEY");
    env.remove("ELEVENLABS_BASE_URL");

    assert_refused(&serve(&cluster, &env), &["redis.url", "simulator"]);
}
