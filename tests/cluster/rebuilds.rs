//! A ledger that is rebuilt while an admission is under way, or while another replica rebuilds it.

use std::time::Duration;

use serde_json::json;

use crate::chance::some_moment;
use crate::inside::Inside;
use crate::support::cluster::{Cluster, Replica};
use crate::support::gate::a_call;
use crate::support::http::Ask;
use crate::support::load::{Load, Tally, calls_at_once};
use crate::support::proxy::Line;
use crate::support::wait::{eventually, measured};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

/// A look at Redis or a batch takes a tenth of a second then.
const SLOW: Line = Line::Slow(Duration::from_millis(50));

fn a_post() -> Ask {
    Ask::post("/api/calls").json(&a_call("b1"))
}

async fn epoch_of(replica: &Replica) -> Option<u64> {
    let health = replica.get("/health/ready").await.json();
    if health["mode"] == "redis" { health["epoch"].as_u64() } else { None }
}

/// Redis forgets everything; waits until the replica admits under a later epoch.
async fn rebuilt_after_a_flush(cluster: &Cluster, replica: &Replica) {
    let before = epoch_of(replica).await.expect("Redis decides");
    cluster.redis.ask::<()>(&["FLUSHALL"]);
    eventually("the ledger is rebuilt", async || epoch_of(replica).await.filter(|epoch| *epoch > before)).await;
}

/// A replica that is a process of its own, and one in this process.
async fn one_process_and_one_inside(cap: u32) -> (Cluster, Inside) {
    let mut cluster = Cluster::of(2).cap(cap).prepare().await;
    cluster.start_again(1);
    cluster.admits().await;
    cluster.put_businesses(&BUSINESSES).await;
    let inside = Inside::instead_of(&cluster, 2).await;
    (cluster, inside)
}

#[actix::test]
async fn i1_an_admission_that_a_rebuild_overtook_is_not_dialled_where_the_pool_is_full_by_then() {
    let (cluster, inside) = one_process_and_one_inside(3).await;

    let asked = inside.held_at_commit(a_post()).await;
    rebuilt_after_a_flush(&cluster, cluster.replica(1)).await;
    cluster.replica(1).start_calls("b2", 3).await;
    inside.let_go();

    asked.await.unwrap().capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    assert_eq!(cluster.provider.dialled().await, 3);
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_an_admission_that_a_rebuild_overtook_takes_a_slot_of_the_new_ledger_where_one_is_free() {
    let (cluster, inside) = one_process_and_one_inside(3).await;

    let asked = inside.held_at_commit(a_post()).await;
    rebuilt_after_a_flush(&cluster, cluster.replica(1)).await;
    cluster.replica(1).start_calls("b2", 2).await;
    inside.let_go();

    asked.await.unwrap().expect(201);
    cluster.replica(1).post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    assert_eq!(cluster.provider.dialled().await, 3);
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_an_admission_that_the_move_to_the_database_overtook_is_not_dialled() {
    let (mut cluster, inside) = one_process_and_one_inside(3).await;

    let asked = inside.held_at_commit(a_post()).await;
    cluster.redis.kill_9();
    measured("the database decides", async || (cluster.replica(1).mode().await == "database").then_some(())).await;
    cluster.replica(1).start_calls("b2", 3).await;
    inside.let_go();

    asked.await.unwrap().capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    assert_eq!(cluster.provider.dialled().await, 3);
    cluster.redis.start_again();
    measured("Redis decides", async || (cluster.replica(1).mode().await == "redis").then_some(())).await;
    cluster.ends_well().await;
}

/// Two replicas whose lines to Redis are slow, so that a rebuild takes long enough to be stopped half way.
async fn slow_lines() -> Cluster {
    let cluster = Cluster::of(2).cap(4).lines_to_redis().sweeps_the_ledger().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    for replica in cluster.running() {
        replica.line().set(SLOW);
    }
    cluster
}

/// The other replica fills the pool; then the stopped one goes on, and neither lets anybody else in.
async fn goes_on_in_a_full_pool(cluster: &Cluster, stopped: usize) {
    let live = cluster.provider.live().await;
    let answers = calls_at_once(cluster.addresses(), &BUSINESSES, 20, 2);
    let started = Tally::of(&answers).started() as u64;
    assert_eq!(live + started, 4, "{live} were live, {started} more started");

    cluster.replica(stopped).resume();
    eventually("the replica that stood still decides in Redis again", async || {
        epoch_of(cluster.replica(stopped)).await
    })
    .await;
    cluster.sweeps_to(4).await;
    for replica in cluster.running() {
        replica.post_call("b1").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
    let one = cluster.provider.live_conversations().await.remove(0);
    cluster.provider.hang_up(&one).await;
    cluster.sweeps_to(3).await;
}

#[actix::test]
async fn i1_i3_a_replica_that_stops_half_way_through_a_rebuild_is_relieved_and_does_no_harm_when_it_goes_on() {
    let cluster = slow_lines().await;
    let epoch = || cluster.database.number("SELECT epoch FROM ledger_epoch");

    for (stopped, other) in [(1, 2), (2, 1), (1, 2)] {
        let before = eventually("Redis decides", async || epoch_of(cluster.replica(other)).await).await;
        cluster.lead_past(stopped);
        cluster.replica(other).line().set(Line::Hold);
        cluster.redis.ask::<()>(&["FLUSHALL"]);
        eventually("the replica has begun to rebuild", async || (epoch() > before).then_some(())).await;
        cluster.replica(stopped).pause();
        cluster.replica(other).line().set(SLOW);
        measured("the other replica has rebuilt the ledger", async || {
            epoch_of(cluster.replica(other)).await.filter(|epoch| *epoch > before)
        })
        .await;
        goes_on_in_a_full_pool(&cluster, stopped).await;
    }

    cluster.ends_well().await;
}

#[actix::test]
async fn i1_i3_a_replica_that_stops_at_any_moment_after_a_loss_does_no_harm_when_it_goes_on() {
    let cluster = slow_lines().await;

    for (stopped, other) in [(1, 2), (2, 1), (1, 2), (2, 1)] {
        let before = eventually("Redis decides", async || epoch_of(cluster.replica(other)).await).await;
        cluster.lead_past(stopped);
        cluster.redis.ask::<()>(&["FLUSHALL"]);
        some_moment(900).await;
        cluster.replica(stopped).pause();
        measured("the ledger is rebuilt", async || {
            epoch_of(cluster.replica(other)).await.filter(|epoch| *epoch > before)
        })
        .await;
        goes_on_in_a_full_pool(&cluster, stopped).await;
    }

    cluster.ends_well().await;
}

#[actix::test]
async fn i1_i3_replicas_that_stop_and_go_on_under_load_never_let_one_too_many_in() {
    let cluster = Cluster::of(2).cap(4).sweeps_the_ledger().start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);

    for round in 0..6 {
        let stopped = 1 + round % 2;
        some_moment(500).await;
        cluster.redis.ask::<()>(&["FLUSHALL"]);
        some_moment(100).await;
        cluster.replica(stopped).pause();
        some_moment(4000).await;
        cluster.replica(stopped).resume();
        let before = load.so_far().started();
        measured("calls start again", async || (load.so_far().started() > before + 5).then_some(())).await;
    }

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&[
        "503 GLOBAL_CAPACITY_EXCEEDED",
        "503 CAPACITY_RECOVERING",
        "503 CAPACITY_STORE_UNAVAILABLE",
        "503 EVENT_STORE_UNAVAILABLE",
        "503 OVERLOADED",
        "no answer",
    ]);
    cluster.ends_well().await;
}
