//! A full sweep over very many live calls: how long it takes, and how much memory it needs on top.
//!
//! `cargo bench --bench sweep [-- CALLS]`: 100,000 calls unless told otherwise, on a real PostgreSQL, a real Redis and
//! the simulated provider, each a process of its own, like the gate. Figures of one run belong together; alone they
//! are those of the machine.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::time::{Duration, Instant};

use callgate::domain::call::{
    Call, Command, Context, Direction, Profile, Record, Reference, Source, Witness, decide, evolve,
};
use callgate::domain::ids::{CallId, PoolId};
use callgate::store::{Append, EventStore, Sequence, Store, Trace, Write};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use support::cluster::Cluster;
use support::http::Ask;

/// Calls that are stored in one transaction.
const BATCH: u32 = 500;
/// One call in so many is over, and nobody told.
const OVER: u32 = 100;
/// How long ago the first call began.
const SPAN_SECONDS: u32 = 1_800;

fn main() {
    let calls = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    actix::System::new().block_on(measure(calls));
}

async fn measure(calls: u32) {
    let cap = calls.to_string();
    println!("{calls} live calls; {} of them turn out to be over, with every webhook lost", calls / OVER);
    println!("| sweep | seconds | calls a second | peak memory over rest, MiB | corrections |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, per_second) in
        [("as configured by default (50 requests a second)", "50"), ("unhurried by no limit", "10000")]
    {
        let mut cluster = Cluster::of(1)
            .cap(calls)
            .env("GLOBAL_CAP", &cap)
            .env("CALLGATE__RECONCILE__REQUESTS_PER_SECOND", per_second)
            .env("CALLGATE__PLANS__ENTERPRISE__LIMIT", "0")
            .env("RUST_LOG", "warn")
            .prepare()
            .await;
        store_calls(&cluster.database.url, calls).await;
        gather(&cluster, calls).await;
        cluster.start_all();
        cluster.admits().await;
        let rest = cluster.replica(1).memory_kib("VmRSS");
        row(&cluster, &format!("nothing drifted, {name}"), calls, rest).await;
        cluster.provider.behave(json!({"webhooks": {"lose": true}})).await;
        for number in (0..calls).step_by(OVER as usize) {
            cluster.provider.hang_up(&format!("crowd_{number}")).await;
        }
        row(&cluster, &format!("1 in {OVER} is over, {name}"), calls, rest).await;
    }
}

/// One sweep, as a row of the table.
async fn row(cluster: &Cluster, name: &str, calls: u32, rest_kib: u64) {
    let replica = cluster.replica(1);
    replica.forget_peak_memory();
    let began = Instant::now();
    let report: Value = Ask::post("/api/reconciliations")
        .patient(Duration::from_mins(10))
        .send(replica.address())
        .await
        .unwrap()
        .expect(200);
    let seconds = began.elapsed().as_secs_f64();
    let peak = replica.memory_kib("VmHWM").saturating_sub(rest_kib) / 1024;
    let corrections = report["corrections"].as_array().map_or(0, Vec::len);
    assert_eq!(report["success"], true, "{report}");
    println!("| {name} | {seconds:.1} | {:.0} | {peak} | {corrections} |", f64::from(calls) / seconds);
}

/// Calls that are live by the table, stored as their sessions store them.
async fn store_calls(url: &str, calls: u32) {
    let store = Store::open(url).await.unwrap();
    store.migrate().await.unwrap();
    let numbers: Vec<u32> = (0..calls).collect();
    for batch in numbers.chunks(BATCH as usize) {
        let writes: Vec<Write> = batch.iter().map(|number| a_live_call(*number, calls)).collect();
        assert!(store.commit(&writes).await.unwrap().iter().all(Result::is_ok));
    }
    store.close().await;
}

#[expect(clippy::disallowed_methods, reason = "the benchmark has no clock but the machine's")]
fn a_live_call(number: u32, of: u32) -> Write {
    let ago = TimeDelta::seconds(i64::from(SPAN_SECONDS)) * i32::try_from(of - number).unwrap();
    let context = Context { now: Utc::now() - ago / i32::try_from(of).unwrap() };
    let profile = Profile {
        pool: PoolId::default_pool(),
        business_id: format!("b{}", number % 1_000).parse().unwrap(),
        plan: "ENTERPRISE".parse().unwrap(),
        direction: Direction::Outbound,
        source: Source::api(),
        agent_id: "agent_1".parse().unwrap(),
        phone_number_id: None,
        counterpart: None,
        user_id: None,
        request_hash: None,
        max_duration_seconds: None,
    };
    let references = std::iter::once(Reference::conversation(format!("crowd_{number}"))).collect();
    let commands = [
        Command::Request { profile, epoch: 0, business_limit: of },
        Command::ConfirmPlacement { references, witness: Witness::Answer },
    ];
    let (mut call, mut events) = (Call::Absent, Vec::new());
    for command in commands {
        let decided = decide(&call, command, &context).unwrap();
        call = decided.iter().fold(call, evolve);
        events.extend(decided);
    }
    Write::Append(Box::new(Append {
        call_id: CallId::new(Uuid::from_u128((0x7000 << 64) | (2 << 62) | u128::from(number))),
        expected: Sequence::START,
        events,
        record: Record::of(&call).unwrap(),
        epoch: None,
        delivery: None,
        settles: Vec::new(),
        trace: Trace::caused_by("benchmark"),
    }))
}

/// The same calls at the provider.
async fn gather(cluster: &Cluster, calls: u32) {
    let crowd = json!({"prefix": "crowd_", "count": calls, "spanSeconds": SPAN_SECONDS});
    Ask::post("/sim/crowd").json(&crowd).send(&cluster.provider.address).await.unwrap().expect(200);
}
