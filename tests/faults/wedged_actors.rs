//! Actors that do not answer: they are found by pings, start again, and know what they knew. A thread that is blocked ends
//! the process.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use callgate::actors::crash::Stick;
use callgate::actors::pulse::WatchLimits;
use callgate::cli::Application;
use callgate::domain::ids::CallId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::inside::{self, Inside};
use crate::support::gate::a_call;
use crate::support::http::Ask;
use crate::support::process::Process;
use crate::support::wait::{eventually, settles};

/// Soon tired of waiting; the watch itself may be late all the same on a busy machine.
const IMPATIENT: WatchLimits = WatchLimits {
    every: Duration::from_millis(100),
    answer_within: Duration::from_secs(2),
    restart_within: Duration::from_secs(8),
    session_within: Duration::from_secs(1),
    exit_within: Duration::from_secs(1),
};

/// Names the folder that a process of its own works in.
const FOLDER: &str = "CALLGATE_TESTS_FOLDER";

/// A gate with a live call.
async fn a_gate_with_a_call() -> (Inside, CallId) {
    let inside = Inside::watched(IMPATIENT, Box::new(|| {})).await;
    inside.put_business("b1").await;
    let call = inside.post("/api/calls", &a_call("b1")).await.expect(201);
    let call_id = call["callId"].as_str().unwrap().parse().unwrap();
    (inside, call_id)
}

/// What `/debug/actors/supervisor` says of an actor.
async fn record(inside: &Inside, name: &str) -> Value {
    let supervisor = inside.get("/debug/actors/supervisor").await;
    let actors = supervisor["actors"].as_array().unwrap();
    actors.iter().find(|actor| actor["name"] == name).cloned().unwrap()
}

async fn was_wedged_and_runs_again(inside: &Inside, name: &str, said: &str) {
    eventually(&format!("{name} is found and runs again"), async || {
        let actor = record(inside, name).await;
        let reason = actor["lastCrash"]["reason"].as_str().unwrap_or_default();
        let counted = actor["wedged"].as_u64() >= Some(1) && actor["crashesInWindow"].as_u64() >= Some(1);
        (counted && actor["state"] == "running" && actor["restarts"] == actor["wedged"] && reason.starts_with(said))
            .then_some(())
    })
    .await;
    let metrics = inside.ask(Ask::get("/metrics")).await.text();
    assert!(metrics.contains(&format!("callgate_actors_wedged_total{{actor=\"{name}\"}}")), "{metrics}");
}

/// The gate admits and ends calls, and nothing is left.
async fn goes_on(inside: &Inside) {
    eventually("the gate admits calls again", async || {
        (inside.post("/api/calls", &a_call("b1")).await.code() == 201).then_some(())
    })
    .await;
    inside.provider.hang_up_all().await;
    settles(0, async || inside.held().await).await;
}

#[actix::test]
async fn i5_a_journal_that_does_not_answer_is_restarted_and_stores_what_comes_then() {
    let (inside, _) = a_gate_with_a_call().await;
    inside.gate.journal().do_send(Stick::Wait);
    was_wedged_and_runs_again(&inside, "journal", "no answer to a ping within 2 s").await;
    goes_on(&inside).await;
}

#[actix::test]
async fn i6_a_capacity_actor_that_does_not_answer_is_restarted_and_reads_who_holds_a_slot() {
    let (inside, _) = a_gate_with_a_call().await;
    inside.gate.capacity().do_send(Stick::Wait);
    was_wedged_and_runs_again(&inside, "capacity", "no answer to a ping within 2 s").await;
    settles(1, async || inside.held().await).await;
    goes_on(&inside).await;
}

#[actix::test]
async fn a_supervisor_that_does_not_answer_is_restarted_and_sweeps_then() {
    let (inside, _) = a_gate_with_a_call().await;
    inside.gate.supervisor().do_send(Stick::Wait);
    was_wedged_and_runs_again(&inside, "supervisor", "no answer to a ping within 2 s").await;
    let report = inside.post("/api/reconciliations", &json!({})).await.expect(200);
    assert_eq!(report["activeSessionsCount"], 1);
    goes_on(&inside).await;
}

#[actix::test]
async fn i6_a_session_that_does_not_answer_is_ended_and_the_next_message_finds_what_it_was() {
    let (inside, call_id) = a_gate_with_a_call().await;
    let path = format!("/debug/actors/sessions/{call_id}");
    let before = inside.get(&path).await;
    inside.gate.directory().begin(call_id).do_send(Stick::Wait);
    inside.ask(Ask::get(&path)).await.problem(503, "EVENT_STORE_UNAVAILABLE");
    was_wedged_and_runs_again(&inside, "sessions", "no answer to a message within 1 s").await;
    let after = inside.get(&path).await;
    assert_eq!((&after["state"], &after["sequence"]), (&before["state"], &before["sequence"]));
    assert_eq!(inside.held().await, 1);
    goes_on(&inside).await;
}

#[actix::test]
async fn a_session_that_does_not_answer_is_found_though_nobody_asks_it_for_anything() {
    let (inside, call_id) = a_gate_with_a_call().await;
    inside.gate.directory().begin(call_id).do_send(Stick::Wait);
    inside.gate.directory().ping_all().await;
    was_wedged_and_runs_again(&inside, "sessions", "no answer to a message within 1 s").await;
    goes_on(&inside).await;
}

#[actix::test]
async fn a_thread_that_is_blocked_ends_the_process_in_good_order_and_else_at_once() {
    let exited = Arc::new(AtomicBool::new(false));
    let exits = Arc::clone(&exited);
    let inside = Inside::watched(IMPATIENT, Box::new(move || exits.store(true, Ordering::SeqCst))).await;
    let (blocked, end) = channel();
    inside.gate.journal().do_send(Stick::Block(end));
    eventually("the gate drains", async || inside.gate.is_draining().then_some(())).await;
    // What it would finish first waits for the journal, which is blocked.
    eventually("the process is ended at once", async || exited.load(Ordering::SeqCst).then_some(())).await;
    drop(blocked);
}

#[actix::test]
async fn a_session_that_blocks_the_thread_of_the_sessions_ends_the_process() {
    let (inside, call_id) = a_gate_with_a_call().await;
    let (blocked, end) = channel();
    inside.gate.directory().begin(call_id).do_send(Stick::Block(end));
    eventually("the gate drains", async || inside.gate.is_draining().then_some(())).await;
    drop(blocked);
}

/// A gate of a process of its own, in the folder that it was given.
async fn alone(limits: WatchLimits) -> Application {
    inside::alone(Path::new(&std::env::var(FOLDER).unwrap()), limits).await
}

#[actix::test]
#[ignore = "ends the process that it runs in; the tests below run it as one of its own"]
async fn a_process_whose_main_thread_is_blocked() {
    let application = alone(IMPATIENT).await;
    let (_blocked, end) = channel();
    application.gate().supervisor().do_send(Stick::Block(end));
    let _ = application.run_until(std::future::pending()).await;
    unreachable!("the supervisor keeps this thread");
}

#[actix::test]
#[ignore = "leaves a thread behind; the tests below run it as a process of its own"]
async fn a_process_whose_journal_is_blocked() {
    let application = alone(WatchLimits { exit_within: Duration::from_hours(1), ..IMPATIENT }).await;
    let (blocked, end) = channel();
    application.gate().journal().do_send(Stick::Block(end));
    let error = application.run_until(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the thread of the journal actor is blocked");
    std::mem::forget(blocked);
}

/// Runs one of those above as a process of its own; its exit code. A test that fails exits with 101.
fn exit_code_of(name: &str) -> Option<i32> {
    let (itself, folder) = (std::env::current_exe().unwrap(), TempDir::new().unwrap());
    let mut command = Command::new(itself);
    command.args(["--exact", &format!("wedged_actors::{name}"), "--ignored"]).env(FOLDER, folder.path());
    Process::spawn(command, &folder.path().join("process.log")).exit().code()
}

#[test]
fn a_process_that_cannot_even_drain_exits_with_1() {
    assert_eq!(exit_code_of("a_process_whose_main_thread_is_blocked"), Some(1));
}

#[test]
fn a_process_that_can_drain_ends_though_one_of_its_threads_never_will() {
    assert_eq!(exit_code_of("a_process_whose_journal_is_blocked"), Some(0));
}
