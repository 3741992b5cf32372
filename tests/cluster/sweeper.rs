//! One replica sweeps for all, and another takes over where it is gone.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::cluster::{Cluster, Replica};
use crate::support::gate::SECRET;
use crate::support::http::Ask;
use crate::support::proxy::Line;
use crate::support::wait::{eventually, measured};

/// Who sweeps, by what this replica says; none while it does not know.
async fn sweeper_by(replica: &Replica) -> Option<String> {
    replica.actor("supervisor").await["supervisor"]["sweeper"].as_str().map(str::to_owned)
}

/// Who sweeps, once all replicas say the same.
async fn sweeper(cluster: &Cluster) -> String {
    measured("all replicas name one sweeper", async || {
        let mut names = BTreeSet::new();
        for replica in cluster.running() {
            names.insert(sweeper_by(replica).await?);
        }
        names.pop_first().filter(|_| names.is_empty())
    })
    .await
}

fn number_of(node: &str) -> usize {
    node.strip_prefix("replica-").unwrap().parse().unwrap()
}

fn sweeps_by(cluster: &Cluster, node: &str) -> u64 {
    cluster
        .database
        .number(&format!("SELECT count(*) FROM reconciliation_run WHERE node = '{node}' AND trigger = 'interval'"))
}

#[actix::test]
async fn i3_one_replica_sweeps_and_another_takes_over_when_it_dies() {
    let mut cluster =
        Cluster::of(3).cap(5).sweeps_the_ledger().env("CALLGATE__RECONCILE__INTERVAL_SECONDS", "1").start().await;
    cluster.put_businesses(&["b1"]).await;
    let first = sweeper(&cluster).await;
    assert!(cluster.running().any(|replica| replica.node() == first), "{first} is none of the replicas");
    eventually("it sweeps", async || (sweeps_by(&cluster, &first) > 1).then_some(())).await;
    let others: Vec<String> =
        cluster.running().map(|replica| replica.node().to_owned()).filter(|node| *node != first).collect();
    for other in &others {
        assert_eq!(sweeps_by(&cluster, other), 0, "only one sweeps on the interval");
    }
    let placed_by = number_of(&others[0]);
    cluster.replica(placed_by).start_calls("b1", 2).await;

    cluster.kill_9(number_of(&first));
    let second = measured("another replica sweeps", async || {
        let name = sweeper_by(cluster.replica(placed_by)).await?;
        (name != first).then_some(name)
    })
    .await;
    assert!(others.contains(&second), "{second}");
    assert_eq!(sweeper(&cluster).await, second);
    eventually("its sweeps are noted", async || (sweeps_by(&cluster, &second) > 0).then_some(())).await;

    // Nobody tells the gate: the sweep finds it out.
    cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
    let ended = cluster.provider.live_conversations().await.remove(0);
    cluster.provider.hang_up(&ended).await;
    measured("a call whose end nobody told is over", async || (cluster.slots_in_the_table() == 1).then_some(())).await;
    cluster.start_again(number_of(&first));
    cluster.admits().await;
    assert_eq!(sweeper(&cluster).await, second, "who comes back does not take it away");
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_a_sweeper_that_is_asked_to_stop_leaves_the_sweeps_to_another_at_once() {
    let mut cluster = Cluster::of(2).cap(5).start().await;
    let first = sweeper(&cluster).await;
    let number = number_of(&first);
    cluster.replica(number).terminate();
    assert_eq!(cluster.replica_mut(number).exit().code(), Some(0));

    let held = format!("SELECT count(*) FROM named_lock WHERE name = 'sweeper' AND holder LIKE '{first}%'");
    assert_eq!(cluster.database.number(&held), 0, "it has given up its lock");
    cluster.kill_9(number);
    measured("the other one sweeps", async || (sweeper(&cluster).await != first).then_some(())).await;
    cluster.ends_well().await;
}

#[actix::test]
async fn i3_a_sweeper_that_is_cut_off_from_the_ledger_leaves_the_sweeps_to_another() {
    let cluster = Cluster::of(2).cap(5).lines_to_redis().start().await;
    let first = sweeper(&cluster).await;
    let (cut_off, other) = (number_of(&first), 3 - number_of(&first));

    cluster.replica(cut_off).line().set(Line::Cut);

    measured("the other one sweeps", async || {
        let name = sweeper_by(cluster.replica(other)).await?;
        (name == cluster.replica(other).node()).then_some(())
    })
    .await;
    let refused = cluster.replica(cut_off).ask(Ask::post("/api/reconciliations")).await;
    refused.problem(503, "CAPACITY_STORE_UNAVAILABLE");
    assert!(refused.json()["retryAfter"].is_u64(), "{refused:?}");
    cluster.replica(cut_off).line().set(Line::Forward);
    cluster.ends_well().await;
}

#[actix::test]
async fn one_replica_goes_after_the_doubts_that_all_have_seen() {
    let cluster = Cluster::of(3).cap(5).env("CALLGATE__RECONCILE__GRACE_SECONDS", "4").start().await;
    sweeper(&cluster).await;
    // A call without a conversation: only the provider can tell what becomes of it.
    let asked =
        json!({"caller_id": "+12065550199", "agent_id": "agent_9", "called_number": "+12065550100", "call_sid": "CA1"});
    cluster.replica(1).post_initiation(Some(SECRET), &asked).await.expect(200);
    for replica in cluster.running() {
        assert_eq!(replica.post_reconciliation().await["inDoubt"], 1);
    }

    let doubts = "FROM reconciliation_run WHERE trigger = 'doubt'";
    measured("it is looked at again and again", async || {
        (cluster.database.number(&format!("SELECT count(*) {doubts}")) >= 4).then_some(())
    })
    .await;
    assert_eq!(cluster.database.number(&format!("SELECT count(DISTINCT node) {doubts}")), 1);
}
