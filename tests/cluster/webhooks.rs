//! Webhooks that come to any replica, twice and at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::gate::SECRET;
use crate::support::http::Answer;
use crate::support::wait::settles;
use crate::support::webhook::{ending, flat, inbound_started};

/// A cluster to which only the test delivers webhooks.
async fn deaf_to_the_provider() -> Cluster {
    let cluster = Cluster::of(3).cap(1).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
    cluster
}

/// The same body to each of these replicas twice, all at once; the answers.
async fn post_twice(cluster: &Cluster, replicas: &[usize], body: &Value) -> Vec<Answer> {
    let twice = replicas.iter().chain(replicas);
    join_all(twice.map(|number| cluster.replica(*number).post_webhook(body))).await
}

/// The call that all of the answers name.
fn one_call(answers: &[Answer]) -> String {
    let bodies: Vec<Value> = answers.iter().map(|answer| answer.expect(200)).collect();
    assert!(bodies.iter().all(|body| body["callId"] == bodies[0]["callId"]), "{bodies:?}");
    bodies[0]["callId"].as_str().unwrap_or_else(|| panic!("no call in {bodies:?}")).to_owned()
}

/// The slot is free once: one more call starts, and a second does not.
async fn assert_one_slot_is_free(cluster: &Cluster) {
    cluster.replica(2).start_call("b1").await;
    for replica in cluster.running() {
        replica.post_call("b1").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
}

#[actix::test]
async fn i4_a_call_that_is_started_here_announced_there_and_ended_elsewhere_has_each_event_once() {
    let cluster = deaf_to_the_provider().await;
    let call = cluster.replica(1).start_call("b1").await;
    let conversation = cluster.replica(1).conversation_of(&call).await;

    let started = flat("conversation.started", &conversation, "agent_1", &json!({}));
    let answers = post_twice(&cluster, &[2, 3], &started).await;
    assert_eq!(one_call(&answers), call);
    cluster.provider.hang_up(&conversation).await;
    let answers = post_twice(&cluster, &[3, 1], &ending("post_call_transcription", &conversation, "agent_1")).await;
    assert_eq!(one_call(&answers), call);
    let ended = answers.iter().filter(|answer| answer.json()["outcome"] == "ended").count();
    assert_eq!(ended, 1, "one of them ended it: {answers:?}");

    for replica in cluster.running() {
        assert_eq!(replica.events_of(&call).await, ["CallRequested", "CallAdmitted", "CallPlaced", "CallEnded"]);
    }
    assert_one_slot_is_free(&cluster).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_an_inbound_call_that_is_announced_to_all_replicas_at_once_takes_the_last_slot_once() {
    let cluster = deaf_to_the_provider().await;

    for _ in 0..6 {
        let conversation = cluster.provider.start_inbound("agent_9").await;
        let call = one_call(&post_twice(&cluster, &[1, 2, 3], &inbound_started(&conversation, "agent_9")).await);
        cluster.sweeps_to(1).await;
        cluster.provider.hang_up(&conversation).await;
        let ended = ending("conversation.ended", &conversation, "agent_9");
        let over = one_call(&post_twice(&cluster, &[3, 2, 1], &ended).await);

        assert_eq!(over, call);
        assert_eq!(cluster.replica(2).events_of(&call).await, ["InboundReceived", "CallAdmitted", "CallEnded"]);
    }

    assert_one_slot_is_free(&cluster).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_an_inbound_call_never_loses_its_slot_to_itself() {
    const ROUNDS: usize = 25;
    let cluster = Cluster::of(3).cap(5).start().await;
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
    cluster.replica(1).put_business("small", "PAYG").await;
    cluster.replica(1).put_agent("small", "agent_9").await;

    for round in 0..ROUNDS {
        let conversation = cluster.provider.start_inbound("agent_9").await;
        let started = inbound_started(&conversation, "agent_9");
        // Each replica gets a body of its own: the inbox does not tell them apart.
        let answers = join_all([1, 2, 3].map(|number| {
            let mut started = started.clone();
            started["event_timestamp"] = json!(number);
            let replica = cluster.replica(number);
            async move { replica.post_webhook(&started).await }
        }));
        let call = one_call(&answers.await);

        assert_eq!(cluster.replica(2).events_of(&call).await, ["InboundReceived", "CallAdmitted"], "round {round}");
        cluster.provider.hang_up(&conversation).await;
        cluster.replica(3).post_webhook(&ending("conversation.ended", &conversation, "agent_9")).await.expect(200);
        settles((0, 0), async || cluster.replica(1).ledger().await).await;
    }
    let calls = cluster.database.number("SELECT count(*) FROM active_call_session");
    assert_eq!(calls, u64::try_from(ROUNDS).unwrap(), "each is one call");
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_a_call_that_asks_all_replicas_at_once_before_it_talks_is_told_the_same_by_each() {
    let cluster = deaf_to_the_provider().await;
    let asked = json!({
        "caller_id": "+12065550142", "agent_id": "agent_9", "called_number": "+12065550100", "call_sid": "CA1",
    });

    let twice = cluster.running().chain(cluster.running());
    let answers = join_all(twice.map(|replica| replica.post_initiation(Some(SECRET), &asked))).await;

    let told: Vec<Value> = answers.iter().map(|answer| answer.expect(200)["dynamic_variables"].clone()).collect();
    assert!(told.iter().all(|variables| variables == &told[0]), "{told:?}");
    assert_eq!(told[0]["callgate_capacity"], "ok");
    let call = told[0]["callgate_call_id"].as_str().unwrap();
    cluster.replica(1).force_end(call, "it never talked").await.success();
    assert_one_slot_is_free(&cluster).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_the_question_about_an_inbound_call_at_all_replicas_at_once_finds_room_for_it() {
    let cluster = Cluster::of(3).cap(1).start().await;
    let asked =
        json!({"caller_id": "+12065550199", "agent_id": "agent_9", "called_number": "+12065550100", "call_sid": "CA1"});

    let answers = join_all([1, 2, 3].map(|number| cluster.replica(number).post_initiation(Some(SECRET), &asked))).await;

    for answer in answers {
        assert_eq!(answer.expect(200)["dynamic_variables"]["callgate_capacity"], "ok");
    }
    assert_eq!(cluster.slots_in_the_table(), 1);
}

#[actix::test]
async fn i4_an_inbound_call_without_a_slot_that_is_announced_to_all_replicas_at_once_is_hung_up_once() {
    let cluster = deaf_to_the_provider().await;
    cluster.replica(1).start_call("b1").await;

    let conversation = cluster.provider.start_inbound("agent_9").await;
    let call = one_call(&post_twice(&cluster, &[1, 2, 3], &inbound_started(&conversation, "agent_9")).await);

    cluster.replica(3).call_becomes(&call, "terminated_capacity").await;
    let events = cluster.replica(2).events_of(&call).await;
    for once in ["InboundReceived", "TerminationRequested", "CallEnded"] {
        assert_eq!(events.iter().filter(|event| *event == once).count(), 1, "{events:?}");
    }
    cluster.sweeps_to(1).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i4_the_end_at_one_replica_and_the_hang_up_at_another_are_one_end() {
    let cluster = deaf_to_the_provider().await;
    let call = cluster.replica(1).start_call("b1").await;
    let conversation = cluster.replica(1).conversation_of(&call).await;

    let ended = ending("conversation.ended", &conversation, "agent_1");
    let webhooks = post_twice(&cluster, &[1, 3], &ended);
    let hang_ups = join_all([1, 2, 3].map(|number| cluster.replica(number).delete_call(&call)));
    let (webhooks, hang_ups) = futures_util::future::join(webhooks, hang_ups).await;

    assert_eq!(one_call(&webhooks), call);
    assert!(hang_ups.iter().all(|answer| matches!(answer.code(), 202 | 409)), "{hang_ups:?}");
    cluster.replica(3).call_becomes(&call, "ended").await;
    let events = cluster.replica(2).events_of(&call).await;
    for once in ["CallPlaced", "CallEnded"] {
        assert_eq!(events.iter().filter(|event| *event == once).count(), 1, "{events:?}");
    }
    cluster.ends_well().await;
}
