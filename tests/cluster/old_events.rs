//! Events that an older release wrote, as the golden files keep them: every replica reads them, and goes on from there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::cluster::Cluster;
use crate::support::webhook::ending;

/// A call of each kind, as the names of its events; the call's number is its place here, from 1.
const CALLS: [&[&str]; 5] = [
    &["CallRequested", "CallAdmitted", "CallPlaced", "ReferencesLearned"],
    &["CallRequested", "CallAdmitted", "PlacementFailed"],
    &[
        "CallRequested",
        "CallAdmitted",
        "PlacementUncertain",
        "CallPlaced",
        "TerminationRequested",
        "HangUpStalled",
        "CallEnded",
    ],
    &["InboundReceived", "CallOverflowed", "TerminationRequested", "CallEnded", "CallRevived"],
    &["AdmissionAbandoned"],
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events")
}

/// The golden data of an event, with the names of the provider made those of this call alone.
fn golden(event_type: &str, call: usize) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{event_type}.v1.json"))).unwrap();
    let text = text.replace("conv_1", &format!("conv_{call}"));
    let text = text.replace("CA1", &format!("CA{call}")).replace("sip-1@", &format!("sip-{call}@"));
    serde_json::from_str(&text).unwrap()
}

fn call_id(call: usize) -> String {
    format!("01970000-0000-7000-8000-{call:012}")
}

/// The first version of every event that there is one of.
fn golden_events() -> BTreeSet<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter_map(|file| file.strip_suffix(".v1.json").map(str::to_owned)).collect()
}

/// Writes the rows as the first release did.
fn write_old_events(cluster: &Cluster) {
    for (call, events) in (1..).zip(CALLS) {
        for (sequence, event_type) in (1..).zip(events) {
            cluster.database.ask(&format!(
                "INSERT INTO call_event
                     (call_id, sequence, event_type, schema_version, data, occurred_at, recorded_at, node)
                 VALUES ('{id}', {sequence}, '{event_type}', 1, $golden${data}$golden$, now(), now(), 'older')",
                id = call_id(call),
                data = golden(event_type, call),
            ));
        }
    }
}

fn run(cluster: &Cluster, arguments: &[&str]) {
    let output = cluster.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[actix::test]
async fn i6_every_replica_reads_what_an_older_release_wrote_and_goes_on_from_there() {
    let used: BTreeSet<String> = CALLS.concat().iter().map(|event| (*event).to_owned()).collect();
    assert_eq!(used, golden_events(), "every golden event is in a call here");
    let mut cluster = Cluster::of(2).cap(2).prepare().await;
    run(&cluster, &["migrate", "up"]);
    write_old_events(&cluster);
    run(&cluster, &["replay"]);

    cluster.start_all();
    cluster.admits().await;

    for replica in cluster.running() {
        for (call, events) in (1..).zip(CALLS) {
            let answer = replica.get(&format!("/api/calls/{}/events", call_id(call))).await.expect(200);
            let read: Vec<(&str, &Value)> = answer["events"]
                .as_array()
                .unwrap()
                .iter()
                .take(events.len())
                .map(|event| (event["type"].as_str().unwrap(), &event["data"]))
                .collect();
            let golden: Vec<Value> = events.iter().map(|event_type| golden(event_type, call)).collect();
            assert_eq!(read, events.iter().copied().zip(&golden).collect::<Vec<_>>());
        }
        let session = replica.actor(&format!("sessions/{}", call_id(1))).await;
        assert_eq!((&session["state"], &session["sequence"]), (&json!("active"), &json!(4)));
        assert_eq!(replica.get_call(&call_id(2)).await["endReason"], "provider_429");
    }
    cluster.assert_log_agrees();

    cluster.put_businesses(&["42"]).await;
    let refused = cluster.replica(1).post_call("42").await;
    refused.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    let status = cluster.replica(2).status().await;
    assert_eq!((&status["activeCalls"], &status["overflow"]), (&json!(1), &json!(1)), "{status}");
    let ended = ending("conversation.ended", "conv_1", "agent_0123456789abcdef");
    assert_eq!(cluster.replica(2).outcome_of(&ended).await, "ended");
    cluster.replica(1).start_call("42").await;
    cluster.replica(2).force_end(&call_id(4), "nobody is there").await.success();
    cluster.replica(1).call_becomes(&call_id(4), "ended").await;
    cluster.ends_well().await;
}
