//! The overview of several replicas: what is the pool's is the same at each of them, whatever is away.

use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Replica};
use crate::support::feed::Feed;
use crate::support::wait::settles;

/// What every replica must say alike.
async fn pools(replica: &Replica) -> Value {
    let overview = replica.overview().await;
    json!({
        "pool": overview["pool"], "plans": overview["plans"], "businesses": overview["businesses"],
        "calls": overview["calls"], "oversubscription": overview["oversubscription"],
        "ledger": overview["ledger"], "last": overview["sweep"]["last"], "sweeper": overview["sweep"]["sweeper"],
    })
}

#[actix::test]
async fn two_replicas_agree_on_what_is_the_pools() {
    let cluster = Cluster::of(2).cap(3).start().await;
    cluster.put_businesses(&["b1", "b2"]).await;
    cluster.replica(1).start_calls("b1", 2).await;
    cluster.replica(2).start_call("b2").await;
    cluster.replica(2).post_call("b2").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    cluster.replica(2).post_reconciliation().await;

    settles(true, async || {
        let (one, two) = (pools(cluster.replica(1)).await, pools(cluster.replica(2)).await);
        let counts = (&one["pool"]["held"], &one["calls"]["active"], &one["oversubscription"]["sold"]);
        one == two
            && counts == (&json!(3), &json!(3), &json!(6))
            && one["ledger"]["mode"] == "redis"
            && one["ledger"]["drift"] == 0
            && one["last"]["node"] == "replica-2"
            && one["sweeper"].is_string()
    })
    .await;

    let rejections = |replica| async move { cluster_rejections(replica).await };
    assert_eq!(rejections(cluster.replica(1)).await, 0, "they are counted where they are refused");
    assert_eq!(rejections(cluster.replica(2)).await, 1);
    cluster.ends_well().await;
}

async fn cluster_rejections(replica: &Replica) -> u64 {
    replica.overview().await["rejections"]["total"].as_u64().unwrap()
}

#[actix::test]
async fn while_the_database_is_away_readers_are_told_what_is_known_without_it() {
    let mut cluster = Cluster::of(2).cap(3).own_database().start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.replica(1).start_call("b1").await;
    let mut feed = Feed::open_with_overview(cluster.replica(1), None).await;
    let whole = |overview: &Value| overview["calls"]["active"] == 1 && overview["oversubscription"]["sold"] == 3;
    feed.overview_where("everything is known", whole).await;

    cluster.database.server().kill_9();
    let without =
        |overview: &Value| overview["calls"]["active"].is_null() && overview["oversubscription"]["sold"].is_null();
    let overview = feed.overview_where("the database is away", without).await;

    assert_eq!((&overview["pool"]["cap"], &overview["businesses"]["atLimit"]), (&json!(3), &Value::Null));
    assert_eq!(overview["oversubscription"]["thresholdRatio"], 3.0);
    assert!(overview["ledger"]["mode"].is_string() && overview["actors"].is_array(), "{overview}");
    cluster.database.server().start_again();
    feed.overview_where("everything is known again", whole).await;
    cluster.ends_well().await;
}
