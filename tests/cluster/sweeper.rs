//! One replica sweeps for all, and another takes over where it is gone.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::cluster::{Cluster, Replica};
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
