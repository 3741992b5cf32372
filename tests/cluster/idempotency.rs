//! One Idempotency-Key is one call, whichever replica it comes to.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::gate::a_call;

#[actix::test]
async fn i4_the_same_key_at_three_replicas_at_once_is_one_dial() {
    let cluster = Cluster::of(3).cap(5).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.provider.behave(json!({"answerDelayMs": 100})).await;

    for key in ["k1", "k2", "k3"] {
        let call = a_call("b1");
        let four_times = cluster.running().chain(cluster.running()).chain(cluster.running()).chain(cluster.running());
        let answers = join_all(four_times.map(|replica| replica.post_call_once(key, &call))).await;

        assert_eq!(answers.iter().filter(|answer| answer.code() == 201).count(), 1, "{answers:?}");
        let calls: Vec<_> = answers.iter().map(|answer| answer.success()["callId"].clone()).collect();
        assert!(calls.iter().all(|call| call == &calls[0] && call.is_string()), "{answers:?}");
        let others = answers.iter().filter(|answer| answer.code() != 201);
        for other in others {
            assert_eq!(other.header("Idempotent-Replayed"), Some("true"), "{other}");
        }
    }

    assert_eq!(cluster.provider.dialled().await, 3);
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_a_key_that_was_used_at_one_replica_is_known_to_all() {
    let cluster = Cluster::of(3).cap(5).start().await;
    cluster.put_businesses(&["b1"]).await;
    let first = cluster.replica(1).post_call_once("k1", &a_call("b1")).await.expect(201);
    let mut another = a_call("b1");
    another["agentId"] = json!("agent_2");

    for replica in cluster.running() {
        assert_eq!(replica.post_call_once("k1", &a_call("b1")).await.expect(200)["callId"], first["callId"]);
        replica.post_call_once("k1", &another).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
    }

    assert_eq!(cluster.provider.dialled().await, 1);
    cluster.ends_well().await;
}
