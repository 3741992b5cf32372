//! Actors of live calls: they leave when nothing happens, and come back wherever something is said of their call.

use serde_json::json;

use crate::support::cluster::{Cluster, Replica};
use crate::support::wait::settles;

async fn sessions_at(replica: &Replica) -> u64 {
    replica.get("/debug/actors").await.expect(200)["sessions"]["live"].as_u64().unwrap()
}

async fn everybody_has_left(cluster: &Cluster) {
    for replica in cluster.running() {
        settles(0, async || sessions_at(replica).await).await;
    }
}

#[actix::test]
async fn i6_the_sessions_of_live_calls_leave_when_idle_and_come_back_at_any_replica() {
    let cluster = Cluster::of(2).cap(3).env("CALLGATE__SESSIONS__IDLE_SECONDS", "1").start().await;
    cluster.put_businesses(&["b1"]).await;
    let calls = cluster.replica(1).start_calls("b1", 3).await;

    everybody_has_left(&cluster).await;
    cluster.sweeps_to(3).await;

    for replica in cluster.running() {
        let session = replica.actor(&format!("sessions/{}", calls[0])).await;
        assert_eq!((&session["state"], &session["node"]), (&json!("active"), &json!(replica.node())));
    }
    everybody_has_left(&cluster).await;
    cluster.replica(2).delete_call(&calls[0]).await.expect(202);
    assert_eq!(cluster.replica(1).call_becomes(&calls[0], "ended").await["endReason"], "operator");
    cluster.provider.hang_up(&cluster.replica(1).conversation_of(&calls[1]).await).await;
    cluster.replica(2).call_becomes(&calls[1], "ended").await;
    cluster.sweeps_to(1).await;
    everybody_has_left(&cluster).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i6_a_call_is_the_same_at_every_replica_after_each_of_its_steps() {
    let cluster = Cluster::of(3).cap(3).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.provider.behave(json!({"terminate": "refuse"})).await;
    let call = cluster.replica(1).start_call("b1").await;
    // Each of them has a session of it from here on.
    for replica in cluster.running() {
        assert_eq!(replica.actor(&format!("sessions/{call}")).await["state"], "active");
    }

    cluster.replica(2).delete_call(&call).await.expect(202);
    cluster.provider.behave(json!({"terminate": "ok"})).await;
    cluster.replica(3).call_becomes(&call, "ended").await;

    for replica in cluster.running() {
        replica.delete_call(&call).await.problem(409, "CALL_ALREADY_OVER");
        settles(json!("ended"), async || replica.actor(&format!("sessions/{call}")).await["state"].clone()).await;
    }
    cluster.ends_well().await;
}
