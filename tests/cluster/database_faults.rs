//! PostgreSQL that dies under load and comes back: nothing is dialled that is not committed, nothing is acknowledged
//! that is not stored.

use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::chance::some_moment;
use crate::support::cluster::Cluster;
use crate::support::http::Ask;
use crate::support::load::Load;
use crate::support::wait::{eventually, measured, settles};
use crate::support::webhook::{ending, signed};

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

const REFUSALS: [&str; 6] = [
    "503 GLOBAL_CAPACITY_EXCEEDED",
    "503 EVENT_STORE_UNAVAILABLE",
    "503 CAPACITY_RECOVERING",
    "503 CAPACITY_STORE_UNAVAILABLE",
    "503 OVERLOADED",
    // Dialled, and what came of it could not be stored in time.
    "504 CALL_OUTCOME_UNKNOWN",
];

async fn a_cluster_whose_database_may_die() -> Cluster {
    let cluster = Cluster::of(2)
        .cap(5)
        .own_database()
        .sweeps_the_ledger()
        .env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "2")
        .env("CALLGATE__CAPACITY__DIAL_WITHIN_SECONDS", "2")
        .start()
        .await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster
}

/// Every call that the provider was ever asked for was admitted, by the events.
async fn assert_only_the_admitted_were_dialled(cluster: &Cluster) {
    let admitted = cluster.database.column("SELECT call_id FROM call_event WHERE event_type = 'CallAdmitted'");
    let admitted: BTreeSet<&str> = admitted.iter().map(String::as_str).collect();
    let state = cluster.provider.state().await;
    let dialled = state["calls"].as_array().unwrap();
    let dialled: Vec<&str> = dialled.iter().map(|call| call["callgateCallId"].as_str().unwrap()).collect();
    let strangers: Vec<_> = dialled.iter().filter(|call| !admitted.contains(*call)).collect();
    assert!(strangers.is_empty(), "dialled, and not admitted: {strangers:?}");
    let once: BTreeSet<&str> = dialled.iter().copied().collect();
    assert_eq!(once.len(), dialled.len(), "a call was dialled twice");
    println!("{} calls were admitted, {} dialled", admitted.len(), dialled.len());
}

/// kill -9, and back after a while in which somebody was refused for want of it.
async fn dies_and_comes_back(cluster: &mut Cluster, load: &Load) {
    let before = load.so_far();
    cluster.database.server().kill_9();
    measured("somebody is told that the database is away", async || {
        let refused = |kind: &str| load.so_far().count_of(kind) > before.count_of(kind);
        REFUSALS[1..].iter().any(|kind| refused(kind)).then_some(())
    })
    .await;
    some_moment(1000).await;
    cluster.database.server().start_again();
    let before = load.so_far().started();
    measured("calls start after the database came back", async || {
        (load.so_far().started() >= before + 10).then_some(())
    })
    .await;
}

#[actix::test]
async fn i1_i5_a_database_that_dies_under_load_lets_nothing_be_dialled_that_is_not_admitted() {
    let mut cluster = a_cluster_whose_database_may_die().await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);
    eventually("calls start at first", async || (load.so_far().started() > 10).then_some(())).await;

    for _ in 0..3 {
        dies_and_comes_back(&mut cluster, &load).await;
    }

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&REFUSALS);
    cluster.ends_well().await;
    assert_only_the_admitted_were_dialled(&cluster).await;
}

/// Hangs up at the provider and says so to a replica, until it says that it has understood; what it was told.
async fn ends_calls(cluster: &Cluster, told: &mut Vec<String>, refused: &mut usize) {
    for (number, conversation) in cluster.provider.live_conversations().await.into_iter().enumerate() {
        cluster.provider.hang_up(&conversation).await;
        let body = ending("post_call_transcription", &conversation, "agent_1").to_string();
        let address = cluster.addresses().nth(number).unwrap();
        match signed(&body).send(&address).await.unwrap().code() {
            200 => told.push(body),
            503 => *refused += 1,
            other => panic!("a webhook was answered {other}"),
        }
    }
}

#[actix::test]
async fn i5_no_webhook_is_acknowledged_that_is_not_stored_while_the_database_dies() {
    let mut cluster = a_cluster_whose_database_may_die().await;
    // Only the test tells, and it keeps what it told.
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);
    let (mut told, mut refused) = (Vec::new(), 0);

    for _ in 0..3 {
        while told.len() % 20 < 15 {
            ends_calls(&cluster, &mut told, &mut refused).await;
        }
        eventually("there is somebody to end", async || (cluster.provider.live().await > 0).then_some(())).await;
        cluster.database.server().kill_9();
        let so_far = refused;
        eventually("a webhook is refused", async || {
            ends_calls(&cluster, &mut told, &mut refused).await;
            (refused > so_far).then_some(())
        })
        .await;
        cluster.database.server().start_again();
        let so_far = told.len();
        eventually("webhooks are stored again", async || {
            // Those that were refused come out by a sweep.
            let _ = Ask::post("/api/reconciliations").send(cluster.replica(1).address()).await;
            ends_calls(&cluster, &mut told, &mut refused).await;
            (told.len() > so_far + 5).then_some(())
        })
        .await;
    }

    println!("{:?}, {} webhooks stored, {refused} refused", load.stop(), told.len());
    let stored: BTreeSet<String> = cluster.database.column("SELECT body_hash FROM webhook_inbox").into_iter().collect();
    for body in &told {
        let hash = hex::encode(Sha256::digest(body.as_bytes()));
        assert!(stored.contains(&hash), "acknowledged, and not stored: {body}");
    }
    cluster.ends_well().await;
    assert_only_the_admitted_were_dialled(&cluster).await;
}

#[actix::test]
async fn i1_i7_a_database_that_stops_answering_for_a_while_refuses_calls_and_loses_none() {
    let mut cluster = a_cluster_whose_database_may_die().await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.6}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 4);

    for _ in 0..2 {
        let before = load.so_far();
        cluster.database.server().pause();
        measured("somebody is told that the database does not answer", async || {
            (load.so_far().count_of("503 EVENT_STORE_UNAVAILABLE") > before.count_of("503 EVENT_STORE_UNAVAILABLE"))
                .then_some(())
        })
        .await;
        cluster.database.server().resume();
        let before = load.so_far().started();
        measured("calls start after the database went on", async || {
            (load.so_far().started() >= before + 10).then_some(())
        })
        .await;
    }

    let tally = load.stop();
    println!("{tally:?}");
    tally.assert_only(&REFUSALS);
    cluster.ends_well().await;
    assert_only_the_admitted_were_dialled(&cluster).await;
}

#[actix::test]
async fn i1_a_database_that_lost_its_last_commits_admits_nothing_before_the_provider_was_asked() {
    let cluster = Cluster::of(2).cap(3).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    let calls = cluster.replica(1).start_calls("b1", 3).await;
    let before = {
        cluster.redis.ask::<()>(&["FLUSHALL"]);
        measured("a second epoch", async || {
            let epoch = cluster.database.number("SELECT epoch FROM ledger_epoch");
            (epoch > 1 && cluster.replica(1).mode().await == "redis").then_some(epoch)
        })
        .await
    };

    // As after the promotion of a standby that lagged behind: the last call, and the last epoch, never were.
    let lost = &calls[2];
    cluster.database.ask(&format!(
        "BEGIN;
         DELETE FROM call_event WHERE call_id = '{lost}';
         DELETE FROM call_reference WHERE call_id = '{lost}';
         DELETE FROM active_call_session WHERE call_id = '{lost}';
         UPDATE ledger_epoch SET epoch = 1;
         COMMIT"
    ));
    measured("both replicas decide under a later epoch", async || {
        for replica in cluster.running() {
            let health = replica.get("/health/ready").await.json();
            if health["mode"] != "redis" || health["epoch"].as_u64()? <= before {
                return None;
            }
        }
        Some(())
    })
    .await;

    for replica in cluster.running() {
        replica.post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    }
    settles((2, 1), async || cluster.replica(2).ledger().await).await;
    cluster.ends_well().await;
}
