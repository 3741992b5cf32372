//! Replicas that die at any moment.

use serde_json::json;

use crate::chance::{one_of, some_moment};
use crate::support::cluster::Cluster;
use crate::support::load::Load;
use crate::support::wait::{eventually, measured, settles};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

#[actix::test]
async fn i1_i3_i6_twenty_deaths_under_load_leave_no_slot_behind_and_let_no_call_too_many_in() {
    let mut cluster = Cluster::of(3)
        .cap(5)
        .sweeps_the_ledger()
        .env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1")
        .env("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "1")
        .start()
        .await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}, "answerDelayMs": 30})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);

    for _ in 0..20 {
        let victim = 1 + one_of(3);
        some_moment(400).await;
        cluster.kill_9(victim);
        some_moment(200).await;
        cluster.start_again(victim);
    }
    let before = load.so_far().started();
    measured("calls start after twenty deaths", async || (load.so_far().started() > before + 10).then_some(())).await;

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&[
        "503 GLOBAL_CAPACITY_EXCEEDED",
        "503 CAPACITY_RECOVERING",
        "503 EVENT_STORE_UNAVAILABLE",
        // Stored, and then not dialled within the second that there is for it.
        "503 OVERLOADED",
        "504 CALL_OUTCOME_UNKNOWN",
        "no answer",
    ]);
    cluster.ends_well().await;
}

/// No sweep comes by itself here: the replica looks when it starts.
#[actix::test]
async fn i3_a_hang_up_that_all_replicas_died_over_goes_on_when_one_starts() {
    let mut cluster = Cluster::of(2).cap(2).env("CALLGATE__PROVIDER__TERMINATE", "monitor").start().await;
    cluster.put_businesses(&BUSINESSES).await;
    let calls = cluster.replica(1).start_calls("b1", 2).await;
    cluster.provider.behave(json!({"terminate": "refuse"})).await;
    cluster.replica(1).delete_call(&calls[0]).await.expect(202);
    cluster.kill_9(1);
    cluster.kill_9(2);
    cluster.provider.behave(json!({"terminate": "ok"})).await;
    assert_eq!(cluster.provider.live().await, 2);

    cluster.start_again(2);

    let hung_up = cluster.replica(2).call_becomes(&calls[0], "ended").await;
    assert_eq!(hung_up["endReason"], "operator");
    settles(1, async || cluster.provider.live().await).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_calls_of_a_replica_that_is_gone_are_ended_and_hung_up_by_the_others() {
    let mut cluster = Cluster::of(2).cap(3).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    let calls = cluster.replica(1).start_calls("b1", 3).await;

    cluster.kill_9(1);
    let survivor = cluster.replica(2);
    survivor.post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    survivor.delete_call(&calls[0]).await.expect(202);
    let hung_up = survivor.call_becomes(&calls[0], "ended").await;
    assert_eq!(hung_up["endReason"], "operator");
    cluster.provider.hang_up(&survivor.conversation_of(&calls[1]).await).await;
    assert_eq!(survivor.call_becomes(&calls[1], "ended").await["endReason"], "completed");

    survivor.start_calls("b2", 2).await;
    survivor.post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    eventually("the third goes on", async || (cluster.provider.live().await == 3).then_some(())).await;
    cluster.ends_well().await;
}
