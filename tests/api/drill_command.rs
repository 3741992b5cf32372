//! `callgate drill`: the sign-off of a deployment by the program itself.

use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::drill::{Restart, failure_of, report, results};
use crate::support::gate::{Gate, SECRET};
use crate::support::process::callgate;
use crate::support::provider::Provider;
use crate::support::wait::eventually;

const ADMIN: &str = "the-admins-key-of-the-tests";

/// A drill of the gate at its provider.
fn drill(gate: &Gate, arguments: &[&str]) -> Output {
    let target = ["drill", "--url", gate.address(), "--simulator", &gate.provider.address];
    gate.run(&[&target, arguments].concat())
}

#[track_caller]
fn refused(output: &Output, says: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(error.contains(says), "{says:?} is not in {error:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

async fn businesses(gate: &Gate) -> Vec<Value> {
    gate.get("/api/businesses").await.expect(200)["businesses"].as_array().unwrap().clone()
}

/// No business, no call; the provider behaves as before.
async fn assert_nothing_is_left(gate: &Gate, behaviour: &Value) {
    assert_eq!(businesses(gate).await, Vec::<Value>::new());
    assert_eq!(&gate.provider.behaviour().await, behaviour);
    assert_eq!(gate.provider.live().await, 0);
    gate.holds(0).await;
}

#[test]
fn without_a_url_a_deployment_of_its_own_is_drilled_on_the_settings_of_the_operator() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("callgate.toml");
    std::fs::write(
        &file,
        "[capacity]\nglobal_cap = 3\n[database]\nurl = \"postgres://nobody@127.0.0.1:1/nothing\"\n[redis]\nurl = \"redis://127.0.0.1:1\"\n",
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = callgate(folder.path());
        // Nothing of this may be reached.
        command.env("ELEVENLABS_API_KEY", "real").env("elevenlabs_base_url", "http://127.0.0.1:1");
        command.arg("drill").args(arguments).output().unwrap()
    };

    let signed_off = report(&run(&["--config", "callgate.toml", "--json"]), 0);

    assert_eq!(results(&signed_off), ["A passed", "B passed", "C passed", "D passed"], "{signed_off}");
    assert_eq!((&signed_off["passed"], &signed_off["cap"]), (&json!(true), &json!(3)));
    assert_eq!((&signed_off["capBy"], &signed_off["leftBehind"]), (&json!("configuration"), &Value::Null));
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["callgate.toml"], "the drill works elsewhere");

    let shown = run(&["--config", "callgate.toml", "--cap", "4", "A"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(1), "{text}");
    assert!(text.contains("3 calls were admitted, expected 4 (the cap is 4 by --cap)"), "{text}");
    assert!(text.ends_with("failed: A\n"), "{text}");

    refused(&run(&["--config", "no-such-file.toml"]), "no-such-file.toml");
}

#[actix::test]
async fn a_gate_that_runs_passes_and_nothing_is_left_behind() {
    let gate = Gate::builder().cap(5).provider_cap(5).start().await;
    gate.provider.behave(json!({"talkSeconds": {"min": 1.0, "max": 2.0}, "webhooks": {"duplicate": 1}})).await;
    let before = gate.provider.behaviour().await;

    let signed_off = report(&drill(&gate, &["--json", "c", "a", "B"]), 0);

    assert_eq!(results(&signed_off), ["A passed", "B passed", "C passed"], "{signed_off}");
    assert_eq!((&signed_off["url"], &signed_off["cap"]), (&json!(gate.address()), &json!(5)));
    assert_eq!(signed_off["capBy"], "simulator");
    let evidence = signed_off["tests"][0]["evidence"][0].as_str().unwrap();
    assert!(evidence.starts_with("10 asked at once: 5 admitted, 5 refused for want of a slot"), "{evidence}");
    assert_nothing_is_left(&gate, &before).await;
}

#[actix::test]
async fn a_cap_that_is_not_the_one_that_was_bought_fails_test_a_by_name_and_nothing_is_left_behind() {
    for (cap, bought) in [(6, 5), (4, 5)] {
        let gate = Gate::builder().cap(cap).provider_cap(bought).start().await;
        let before = gate.provider.behaviour().await;

        let output = drill(&gate, &["--json", "A", "B"]);

        let failed = report(&output, 1);
        assert_eq!(failed["passed"], false);
        assert_eq!(
            failure_of(&failed, "A"),
            format!("{cap} calls were admitted, expected {bought} (the cap is {bought} by the simulated provider)")
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.ends_with("callgate: not signed off: failed: A B\n"), "{stderr}");
        assert_nothing_is_left(&gate, &before).await;
    }
}

#[actix::test]
async fn where_only_the_gate_knows_its_cap_the_report_says_so() {
    let gate = Gate::builder().cap(2).start().await;
    let shown = drill(&gate, &["a"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{text}");
    assert!(text.contains("cap        2 by the gate alone; check it with --cap N\n"), "{text}");
    assert!(text.ends_with("\npassed\n"), "{text}");
}

#[actix::test]
async fn the_provider_that_a_gate_has_started_itself_need_not_be_named() {
    let gate = Gate::builder().cap(2).env("CALLGATE__PROVIDER__KIND", "simulator").start().await;
    let signed_off = report(&gate.run(&["drill", "--json", "--url", gate.address(), "A", "B", "C"]), 0);
    assert_eq!(results(&signed_off), ["A passed", "B passed", "C passed"], "{signed_off}");
    assert_eq!((&signed_off["cap"], &signed_off["capBy"]), (&json!(2), &json!("simulator")));
    gate.holds(0).await;
}

#[actix::test]
async fn reserves_of_plans_are_filled_by_businesses_on_those_plans() {
    let gate = Gate::builder().cap(5).plan("PRO", 3, 2).plan("PAYG", 1, 1).start().await;
    let before = gate.provider.behaviour().await;
    let signed_off = report(&drill(&gate, &["--json", "--cap", "5", "A", "B", "C"]), 0);
    assert_eq!(results(&signed_off), ["A passed", "B passed", "C passed"], "{signed_off}");
    assert_nothing_is_left(&gate, &before).await;
}

#[actix::test]
async fn live_calls_keep_it_from_beginning_unless_it_is_told_to_and_stay_live_then() {
    let gate = Gate::builder().cap(5).provider_cap(5).start().await;
    gate.put_business("acme", "ENTERPRISE").await;
    let calls = gate.start_calls("acme", 2).await;

    refused(&drill(&gate, &["A"]), "2 calls are live");
    let signed_off = report(&drill(&gate, &["--json", "--with-live-calls", "A", "B", "C"]), 0);

    assert_eq!(results(&signed_off), ["A passed", "B passed", "C passed"], "{signed_off}");
    assert_eq!(signed_off["liveCalls"], 2);
    for call in calls {
        assert_eq!(gate.get_call(&call).await["status"], "active");
    }
    gate.holds(2).await;
    gate.start_calls("acme", 3).await;
    refused(&drill(&gate, &["--with-live-calls"]), "there is no slot to drill with");
}

#[actix::test]
async fn a_paused_pool_is_not_drilled() {
    let gate = Gate::start().await;
    gate.put_pool(&json!({"paused": true})).await;
    refused(&drill(&gate, &[]), "the pool is paused");
}

#[actix::test]
async fn a_key_of_scope_admin_is_needed_where_there_are_keys() {
    let gate = Gate::builder().cap(2).env("CALLGATE__AUTH__ADMIN_KEY", ADMIN).start().await;
    let made = gate.run(&["keys", "create", "--name", "platform", "--scope", "call", "--json"]);
    let call_key = report(&made, 0)["key"].as_str().unwrap().to_owned();
    let away_from_the_configuration = |arguments: &[&str]| {
        let folder = TempDir::new().unwrap();
        let target = ["drill", "--url", gate.address(), "--simulator", &gate.provider.address, "C"];
        callgate(folder.path()).args(target).args(arguments).output().unwrap()
    };

    refused(&away_from_the_configuration(&[]), "name a key of scope admin with --key or CALLGATE_KEY");
    refused(&away_from_the_configuration(&["--key", "another"]), "--key");
    refused(&away_from_the_configuration(&["--key", &call_key]), "admin is needed");
    assert_eq!(gate.provider.state().await["started"], 0, "nothing was begun");

    assert_eq!(away_from_the_configuration(&["--key", ADMIN]).status.code(), Some(0));
    assert_eq!(drill(&gate, &["C"]).status.code(), Some(0), "the configuration has the key");
    assert!(!gate.log().contains(ADMIN), "the key is in the log");
}

#[actix::test]
async fn nothing_is_dialled_where_the_gate_has_another_provider() {
    let gate = Gate::builder().cap(2).start().await;
    let folder = TempDir::new().unwrap();
    let other = Provider::start(folder.path(), 5, SECRET);
    let at_other = |url: &str| gate.run(&["drill", "--url", gate.address(), "--simulator", url, "A"]);

    refused(&at_other(&other.address), "hears nothing of an inbound call");
    other.put_webhook(gate.address()).await;
    refused(&at_other(&other.address), "its provider is another one");
    refused(&at_other("http://127.0.0.1:9"), "no simulated provider answers at http://127.0.0.1:9");
    refused(&at_other(gate.address()), "no simulated provider answers");
    refused(&gate.run(&["drill", "--url", gate.address(), "A"]), "--simulator");

    assert_eq!((other.dialled().await, gate.provider.dialled().await), (0, 0));
    assert_eq!(other.live().await, 0);
    assert_eq!(businesses(&gate).await, Vec::<Value>::new());
}

#[actix::test]
async fn what_cannot_be_understood_is_told() {
    let gate = Gate::start().await;
    refused(&drill(&gate, &["E"]), "'E'");
    refused(&drill(&gate, &["--cap", "0"]), "--cap");
    refused(&gate.run(&["drill", "--simulator", "http://127.0.0.1:9"]), "--url");
    refused(&gate.run(&["drill", "--url", "callgate"]), "http://");
    let away = gate.run(&["drill", "--url", gate.address(), "--url", "http://callgate.invalid"]);
    refused(&away, "--url http://callgate.invalid: name a key of scope admin with --key or CALLGATE_KEY");
    let nobody = gate.run(&["drill", "--url", "http://127.0.0.1:9"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no gate answers at http://127.0.0.1:9"), "{nobody:?}");
}

#[actix::test]
async fn i1_test_d_restarts_the_gate_by_a_command_and_without_one_it_is_skipped_which_is_no_sign_off() {
    let gate = Gate::builder().cap(3).provider_cap(3).start().await;
    let before = gate.provider.behaviour().await;

    let skipped = report(&drill(&gate, &["--json"]), 1);
    assert_eq!(results(&skipped), ["A passed", "B passed", "C passed", "D skipped"], "{skipped}");
    assert!(failure_of(&skipped, "D").contains("--restart"), "{skipped}");

    let failed = report(&drill(&gate, &["--json", "d", "--restart", "echo there is no docker >&2; false"]), 1);
    assert!(failure_of(&failed, "D").ends_with(": there is no docker"), "{failed}");
    let nothing = drill(&gate, &["--json", "d", "--restart", "true", "--restart-wait-seconds", "1"]);
    assert_eq!(failure_of(&report(&nothing, 1), "D"), "no replica was killed and restarted within 1 s");
    assert_nothing_is_left(&gate, &before).await;

    let restart = Restart::of(gate.process_id(), gate.address(), "");
    let signed_off = report(&drill(&gate, &["--json", "D", "--restart", &restart.command]), 0);
    assert_eq!(results(&signed_off), ["D passed"], "{signed_off}");
    let evidence = signed_off["tests"][0]["evidence"].to_string();
    assert!(evidence.contains("was gone for") && evidence.contains("3 of 3 calls known as active"), "{evidence}");
    assert_nothing_is_left(&gate, &before).await;
}

#[actix::test]
async fn a_drill_that_is_interrupted_takes_everything_away_again() {
    let gate = Gate::builder().cap(3).provider_cap(3).start().await;
    let before = gate.provider.behaviour().await;
    let target = ["drill", "--url", gate.address(), "--simulator", &gate.provider.address];
    let folder = TempDir::new().unwrap();
    let begun = folder.path().join("begun");
    // It is at D, and waits for a restart.
    let restart = format!("touch {}; sleep 600", begun.display());
    let mut command = gate.start_command(&[&target[..], &["D", "--restart", &restart]].concat());
    eventually("the command runs", async || begun.exists().then_some(())).await;

    command.interrupt();
    eventually("the command is waited for", async || command.log().contains("waiting").then_some(())).await;
    command.interrupt();

    assert_eq!(command.exit().code(), Some(1));
    assert!(command.log().contains("interrupted"), "{}", command.log());
    assert!(command.log().contains("the restart command was cut short; a replica may be down"), "{}", command.log());
    assert_nothing_is_left(&gate, &before).await;
}

#[actix::test]
async fn i1_given_a_restart_when_it_is_interrupted_in_between_then_the_gate_is_started_all_the_same() {
    let gate = Gate::builder().cap(3).provider_cap(3).start().await;
    let before = gate.provider.behaviour().await;
    let folder = TempDir::new().unwrap();
    let (killed, go) = (folder.path().join("killed"), folder.path().join("go"));
    let restart = Restart::of(gate.process_id(), gate.address(), "");
    let (kill, start) = restart.command.split_once("; ").unwrap();
    let wait = format!("touch {}; until test -e {}; do sleep 0.05; done", killed.display(), go.display());
    let target = ["drill", "--url", gate.address(), "--simulator", &gate.provider.address, "D", "--restart"];
    let mut command = gate.start_command(&[&target[..], &[&format!("{kill}; {wait}; {start}")]].concat());
    eventually("the gate is killed", async || killed.exists().then_some(())).await;

    command.interrupt();
    eventually("the command is waited for", async || command.log().contains("waiting").then_some(())).await;
    std::fs::write(&go, "").unwrap();

    assert_eq!(command.exit().code(), Some(1));
    assert!(command.log().contains("interrupted"), "{}", command.log());
    assert!(!command.log().contains("left behind"), "{}", command.log());
    assert_nothing_is_left(&gate, &before).await;
}

#[actix::test]
async fn given_calls_that_are_being_placed_when_the_terminal_closes_then_none_of_them_stays() {
    let gate = Gate::builder().cap(60).provider_cap(60).start().await;
    let before = gate.provider.behaviour().await;
    let target = ["drill", "--url", gate.address(), "--simulator", &gate.provider.address, "A"];
    let mut command = gate.start_command(&target);
    eventually("calls are placed", async || (gate.provider.dialled().await > 0).then_some(())).await;

    command.hang_up();

    assert_eq!(command.exit().code(), Some(1));
    assert!(command.log().contains("interrupted"), "{}", command.log());
    assert_nothing_is_left(&gate, &before).await;
}
