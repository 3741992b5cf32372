//! What the example clients do, seen at the provider.

use std::path::Path;

use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use crate::language::Language::{self, Python, TypeScript};
use crate::support::gate::{Builder, Gate};
use crate::support::http::Ask;
use crate::support::process::Process;
use crate::support::proxy::{Line, Proxy};
use crate::support::wait::{eventually, settles};

async fn given(gate: Builder) -> (Gate, TempDir) {
    let gate = gate.start().await;
    gate.put_business("42", "PRO").await;
    (gate, TempDir::new().unwrap())
}

async fn says(program: &Process, line: &str) {
    eventually(&format!("the program says {line}"), async || {
        program.lines().iter().any(|said| said == line).then_some(())
    })
    .await;
}

/// The id of the call, which is the first that the program says.
async fn call_id_of(program: &Process) -> String {
    eventually("the program has placed a call", async || program.lines().first().cloned()).await
}

/// How the program ended, and what it said on stderr.
fn end_of(mut program: Process) -> (Option<i32>, String) {
    let status = program.exit();
    (status.code(), program.log())
}

/// What a program says of a call that is placed, answered and hung up by the other side.
fn whole_call(call_id: &str) -> Vec<String> {
    [call_id, "active", "CallRequested", "CallAdmitted", "CallPlaced", "CallEnded", "ended completed"]
        .map(str::to_owned)
        .to_vec()
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn i4_two_programs_with_one_key_dial_once_and_follow_the_same_call_to_its_end(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder()).await;
    let first = language.places_a_call(&gate, "key-1", folder.path());
    says(&first, "CallPlaced").await;
    let second = language.places_a_call(&gate, "key-1", folder.path());
    says(&second, "CallPlaced").await;
    let call_id = call_id_of(&first).await;
    assert_eq!(call_id_of(&second).await, call_id);

    gate.provider.hang_up_all().await;

    settles([whole_call(&call_id), whole_call(&call_id)], async || [first.lines(), second.lines()]).await;
    assert_eq!((end_of(first).0, end_of(second).0), (Some(0), Some(0)));
    assert_eq!(gate.provider.dialled().await, 1);
    let at_provider = gate.provider.state().await["calls"][0].clone();
    assert_eq!(at_provider["dynamicVariables"]["name"], "Ada");
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn a_503_is_waited_for_until_there_is_room(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder().cap(1).env("CALLGATE__RETRY_AFTER__GLOBAL_SECONDS", "1")).await;
    gate.start_call("42").await;
    let waiting = language.places_a_call(&gate, "key-1", folder.path());
    eventually("the program is refused", async || {
        (gate.metric_sum("concurrent_rejected_total{").await > 0).then_some(())
    })
    .await;
    assert_eq!(gate.provider.dialled().await, 1);

    gate.provider.hang_up_all().await;

    says(&waiting, "CallPlaced").await;
    gate.provider.hang_up_all().await;
    assert_eq!(end_of(waiting), (Some(0), String::new()));
    assert_eq!(gate.provider.dialled().await, 2);
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn where_there_is_no_room_within_the_budget_the_platform_is_told_to_queue_the_call(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder().cap(1)).await;
    gate.start_call("42").await;

    let refused = language.places_a_call_at(gate.address(), "key-1", folder.path(), &[("BUDGET_SECONDS", "10")]);

    let (code, said) = end_of(refused);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.starts_with("GLOBAL_CAPACITY_EXCEEDED: ") && said.contains("\nask again in 6"), "{said}");
    assert_eq!(gate.provider.dialled().await, 1);
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn a_504_is_not_dialled_again_but_looked_at_until_it_is_known(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder().env("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "1")).await;
    gate.provider.behave(json!({"placement": "hang_after_dial"})).await;

    let program = language.places_a_call(&gate, "key-1", folder.path());

    let call_id = call_id_of(&program).await;
    gate.sweeps_until(&call_id, "active").await;
    says(&program, "active").await;
    gate.provider.hang_up_all().await;
    says(&program, "ended completed").await;
    assert_eq!(end_of(program), (Some(0), String::new()));
    assert_eq!(gate.provider.dialled().await, 1);
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn a_call_that_the_provider_refuses_is_told_and_not_tried_again(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder()).await;
    gate.provider.behave(json!({"placement": "422"})).await;

    let (code, said) = end_of(language.places_a_call(&gate, "key-1", folder.path()));

    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("CALL_INITIATION_FAILED: "), "{said}");
    gate.holds(0).await;
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn events_that_happen_while_the_line_is_cut_are_told_once_it_is_back(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder()).await;
    let line = Proxy::to(gate.address());
    let program = language.places_a_call_at(&line.address, "key-1", folder.path(), &[]);
    says(&program, "CallPlaced").await;
    let call_id = call_id_of(&program).await;

    line.set(Line::Cut);
    gate.provider.hang_up_all().await;
    gate.call_becomes(&call_id, "ended").await;
    line.set(Line::Forward);

    settles(whole_call(&call_id), async || program.lines()).await;
    assert_eq!(end_of(program), (Some(0), String::new()));
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn ctrl_c_hangs_up_and_the_program_sees_the_call_end(#[case] language: Language) {
    let (gate, folder) = given(Gate::builder()).await;
    let program = language.places_a_call(&gate, "key-1", folder.path());
    says(&program, "CallPlaced").await;

    program.interrupt();

    settles(0, async || gate.provider.live().await).await;
    says(&program, "TerminationRequested").await;
    says(&program, "ended operator").await;
    assert_eq!(end_of(program).0, Some(0));
    gate.holds(0).await;
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn the_key_is_sent_and_without_it_the_gate_says_no(#[case] language: Language) {
    const KEY: &str = "key-of-the-platform";
    let gate = Gate::builder().env("CALLGATE__AUTH__ADMIN_KEY", KEY).start().await;
    let business = json!({"name": "42", "plan": "PRO", "status": "SUSPENDED"});
    gate.ask(Ask::put("/api/businesses/42").key(KEY).json(&business)).await.success();
    let folder = TempDir::new().unwrap();
    let told = |settings: &[(&str, &str)], folder: &Path| {
        end_of(language.places_a_call_at(gate.address(), "key-1", folder, settings))
    };

    let (code, said) = told(&[], folder.path());
    assert!(code == Some(1) && said.starts_with("UNAUTHORIZED: "), "{said}");

    let folder = TempDir::new().unwrap();
    let (code, said) = told(&[("CALLGATE_KEY", KEY)], folder.path());
    assert!(code == Some(1) && said.starts_with("SUBSCRIPTION_INACTIVE: "), "{said}");
}
