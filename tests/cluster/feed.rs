//! The feed of events: the same at every replica, in order, with nothing left out.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::feed::{Feed, FeedEvent};
use crate::support::load::Load;

const BUSINESSES: [&str; 3] = ["b1", "b2", "b3"];

fn positions(events: &[FeedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

#[actix::test]
async fn i6_one_replica_tells_what_happens_at_another() {
    let cluster = Cluster::of(2).cap(2).start().await;
    cluster.put_businesses(&["b1"]).await;
    let mut feed = Feed::open(cluster.replica(2), Some(0)).await;

    let call = cluster.replica(1).start_call("b1").await;
    let events = feed.take(3).await;

    let told: Vec<_> = events.iter().map(|event| (event.name.as_deref().unwrap(), &event.data["callId"])).collect();
    let this = json!(call);
    assert_eq!(told, [("CallRequested", &this), ("CallAdmitted", &this), ("CallPlaced", &this)]);
    let latest = cluster.replica(2).get("/api/concurrent-metrics/events?limit=1").await.expect(200);
    assert_eq!((&latest["events"][0]["type"], &latest["events"][0]["callId"]), (&json!("CallPlaced"), &this));
    cluster.ends_well().await;
}

#[actix::test]
async fn i6_a_reader_that_goes_from_replica_to_replica_misses_nothing_and_reads_nothing_twice() {
    let cluster = Cluster::of(3).cap(5).start().await;
    cluster.put_businesses(&BUSINESSES).await;
    cluster.provider.behave(json!({"talkSeconds": {"min": 0.1, "max": 0.3}})).await;
    let load = Load::start(cluster.addresses(), &BUSINESSES, 6);

    let (mut read, mut last) = (Vec::new(), 0);
    for number in [1, 2, 3, 1, 2, 3] {
        let mut feed = Feed::open(cluster.replica(number), Some(last)).await;
        read.extend(feed.take(25).await);
        last = read.last().unwrap().id;
    }
    println!("{:?}", load.stop());
    cluster.ends_well().await;

    let stored: Vec<u64> = {
        let column = cluster.database.column("SELECT position FROM call_event ORDER BY position");
        column.iter().map(|position| position.parse().unwrap()).collect()
    };
    let mut feed = Feed::open(cluster.replica(1), Some(last)).await;
    read.extend(feed.take(stored.len() - read.len()).await);
    assert_eq!(positions(&read), stored, "each event once, in order");
    let nodes = cluster.database.column("SELECT DISTINCT node FROM call_event");
    assert_eq!(nodes.iter().collect::<BTreeSet<_>>().len(), 3, "all replicas wrote: {nodes:?}");
}
