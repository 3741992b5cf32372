//! `callgate drill` against replicas that share slots.

use crate::support::cluster::Cluster;
use crate::support::drill::{Restart, failure_of, report, results};

const ALL_PASSED: [&str; 4] = ["A passed", "B passed", "C passed", "D passed"];

async fn two_replicas(cap: u32) -> Cluster {
    Cluster::of(2).cap(cap).start().await
}

/// Kills the first replica with SIGKILL, and starts it again as it was.
fn restart_of_the_first(cluster: &Cluster) -> Restart {
    let first = cluster.replica(1);
    Restart::of(first.process_id(), first.address(), "CALLGATE_NODE=replica-1")
}

#[actix::test]
async fn i1_i3_a_deployment_of_two_replicas_passes_with_one_of_them_killed() {
    let cluster = two_replicas(5).await;
    let restart = restart_of_the_first(&cluster);
    let (first, second) = (cluster.replica(1).address(), cluster.replica(2).address());
    let target = ["drill", "--json", "--url", first, "--url", second, "--simulator", &cluster.provider.address];

    let signed_off = report(&cluster.run(&[&target[..], &["--cap", "5", "--restart", &restart.command]].concat()), 0);

    assert_eq!(results(&signed_off), ALL_PASSED, "{signed_off}");
    let evidence = signed_off["tests"][3]["evidence"].to_string();
    for part in [&format!("{first} was gone for"), "more asked the others: 0 admitted", "5 of 5 calls known as active"]
    {
        assert!(evidence.contains(part), "{part:?} is not in {evidence}");
    }
    for url in [first, second] {
        assert!(evidence.contains(&format!("{url}: ledger 5, table 5")), "{evidence}");
    }
    let left = cluster.replica(2).get("/api/businesses").await.expect(200);
    assert_eq!(left["businesses"], serde_json::json!([]));
    cluster.ends_well().await;
}

#[actix::test]
async fn i1_behind_one_address_the_replica_that_was_replaced_is_noticed() {
    let cluster = two_replicas(3).await;
    let restart = restart_of_the_first(&cluster);
    let target = ["drill", "--json", "--url", cluster.front(), "--simulator", &cluster.provider.address];

    let signed_off = report(&cluster.run(&[&target[..], &["--restart", &restart.command]].concat()), 0);

    assert_eq!(results(&signed_off), ALL_PASSED, "{signed_off}");
    assert_eq!((&signed_off["cap"], &signed_off["capBy"]), (&3.into(), &"gate".into()));
    cluster.ends_well().await;
}

#[actix::test]
async fn a_cap_that_is_too_high_fails_test_a_on_two_replicas_too() {
    let cluster = two_replicas(6).await;
    let (first, second) = (cluster.replica(1).address(), cluster.replica(2).address());
    let target = ["drill", "--json", "--url", first, "--url", second, "--simulator", &cluster.provider.address];

    let failed = report(&cluster.run(&[&target[..], &["--cap", "5", "A"]].concat()), 1);

    assert_eq!(failure_of(&failed, "A"), "6 calls were admitted, expected 5 (the cap is 5 by --cap)");
    cluster.ends_well().await;
}
