//! A replica that is asked to stop finishes what it has accepted.

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::load::Load;
use crate::support::wait::{eventually, measured};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

#[actix::test]
async fn i3_a_replica_that_is_asked_to_stop_under_load_answers_what_it_accepted_and_loses_no_call() {
    let mut cluster = Cluster::of(3).cap(5).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}, "answerDelayMs": 100})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 6);
    eventually("calls start at first", async || (load.so_far().started() > 10).then_some(())).await;

    for stopped in [2, 3] {
        // As an orchestrator does it: nothing new is sent there, and then it is asked to stop.
        cluster.lead_past(stopped);
        cluster.replica(stopped).terminate();
        let ended = cluster.replica_mut(stopped).exit();
        assert_eq!(ended.code(), Some(0), "{ended}");
        let before = load.so_far().started();
        measured("calls start at those that are left", async || (load.so_far().started() > before + 5).then_some(()))
            .await;
        cluster.start_again(stopped);
    }

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&["503 GLOBAL_CAPACITY_EXCEEDED", "503 OVERLOADED", "503 CAPACITY_RECOVERING"]);
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_i5_a_call_that_is_being_placed_when_its_replica_is_asked_to_stop_is_placed_and_answered() {
    let mut cluster = Cluster::of(2).cap(2).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.provider.behave(json!({"answerDelayMs": 1500})).await;
    let address = cluster.replica(1).address().to_owned();
    let asked = actix::spawn(async move {
        let call = crate::support::gate::a_call("b1");
        crate::support::http::Ask::post("/api/calls").json(&call).send(&address).await.unwrap()
    });
    eventually("it is being dialled", async || (cluster.provider.dialled().await == 1).then_some(())).await;

    cluster.replica(1).terminate();
    let answer = asked.await.unwrap().expect(201);
    let ended = cluster.replica_mut(1).exit();

    assert_eq!(ended.code(), Some(0), "{ended}");
    cluster.kill_9(1);
    let call = answer["callId"].as_str().unwrap();
    assert_eq!(cluster.replica(2).get_call(call).await["status"], "active");
    cluster.ends_well().await;
}

#[actix::test]
async fn a_replica_that_is_asked_to_stop_says_so_and_serves_until_balancers_have_noticed() {
    let mut cluster = Cluster::of(2).cap(2).env("CALLGATE__SERVER__DRAIN_SECONDS", "4").start().await;
    cluster.put_businesses(&["b1"]).await;

    cluster.replica(1).terminate();
    eventually("it says that it drains", async || {
        let health = cluster.replica(1).get("/health/ready").await;
        (health.code() == 503 && health.json()["part"] == "draining").then_some(())
    })
    .await;
    cluster.replica(1).start_call("b1").await;
    assert_eq!(cluster.replica_mut(1).exit().code(), Some(0));

    cluster.kill_9(1);
    cluster.ends_well().await;
}
