//! How the process starts and ends.

use std::collections::BTreeMap;
use std::process::Output;

use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use crate::support::gate::{Gate, settings};
use crate::support::process::callgate;

/// Runs the program on the settings of a test, with these changed; it must end by itself.
fn run(arguments: &[&str], changed: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().unwrap();
    let mut env: BTreeMap<String, String> = settings(folder.path(), "http://127.0.0.1:9");
    env.remove("RUST_LOG");
    env.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    callgate(folder.path()).args(arguments).envs(env).output().unwrap()
}

/// The one line of a refusal.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing was announced: {output:?}");
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    lines[0].to_owned()
}

#[rstest]
#[case("GLOBAL_CAP", "0", &["capacity.global_cap", "0", "1 to 100000"])]
#[case("GLOBAL_CAP", "many", &["capacity.global_cap", "many"])]
#[case("CALLGATE__SERVER__BIND", "everywhere", &["server.bind", "everywhere", "IP:PORT"])]
#[case("CALLGATE__INBOUND__ON_FULL", "ignore", &["inbound.on_full", "ignore", "terminate", "admit"])]
#[case("CALLGATE__PROVIDER__TERMINATE", "shout", &["provider.terminate", "shout", "monitor"])]
#[case("CALLGATE__PROVIDER__PLACE_TIMEOUT_SECONDS", "-1", &["provider.place_timeout_seconds", "-1", "1 to 600"])]
#[case("CALLGATE__PLANS__PRO__RESERVED", "6", &["plans.PRO.reserved", "6"])]
#[case("CALLGATE__SERVER__COLOUR", "red", &["server.colour", "red", "bind"])]
#[case("CALLGATE__COLOUR__RED", "yes", &["colour.red"])]
#[case("DATABASE_URL", "mysql://db/callgate", &["database.url", "mysql", "sqlite:", "postgres:"])]
fn bad_configuration_is_exit_2_and_one_line_that_names_key_value_and_what_is_accepted(
    #[case] name: &str,
    #[case] value: &str,
    #[case] words: &[&str],
) {
    let line = refusal(&run(&["serve"], &[(name, value)]));
    for word in words {
        assert!(line.contains(word), "{word} is not in {line:?}");
    }
}

#[test]
fn a_secret_is_never_shown_in_a_refusal() {
    let output = run(&["serve"], &[("CALLGATE__PROVIDER__API_KEYS", "xi-very-secret")]);
    assert!(!refusal(&output).contains("xi-very-secret"));
}

#[rstest]
#[case("0.0.0.0:0")]
#[case("[::]:0")]
fn an_address_that_others_reach_needs_a_key(#[case] bind: &str) {
    let line = refusal(&run(&["serve"], &[("CALLGATE__SERVER__BIND", bind)]));
    assert!(line.contains("server.bind") && line.contains(bind), "{line}");
    let line = refusal(&run(&["serve", "--bind", bind], &[]));
    assert!(line.contains(bind), "{line}");
}

#[test]
fn a_configuration_file_that_is_not_there_or_not_toml_is_exit_2() {
    let line = refusal(&run(&["serve", "--config", "nowhere.toml"], &[]));
    assert!(line.contains("nowhere.toml"), "{line}");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("own.toml");
    std::fs::write(&file, "[capacity]\nglobal_cap = = 5\n").unwrap();
    let line = refusal(&run(&["serve", "--config", file.to_str().unwrap()], &[]));
    assert!(line.contains("own.toml"), "{line}");
}

#[rstest]
#[case(&["dance"])]
#[case(&["serve", "--loudly"])]
#[case(&["simulator", "--cap", "many"])]
fn a_command_that_nobody_knows_is_exit_2(#[case] arguments: &[&str]) {
    assert_eq!(run(arguments, &[]).status.code(), Some(2));
}

#[actix::test]
async fn sigterm_ends_with_0_and_live_calls_stay_live() {
    let mut gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    let ids = gate.start_calls("42", 2).await;

    assert_eq!(gate.terminate().code(), Some(0));

    assert_eq!(gate.provider.live().await, 2);
    gate.start_again().await;
    gate.holds(2).await;
    for call_id in ids {
        assert_eq!(gate.get_call(&call_id).await["status"], "active");
    }
    gate.provider.hang_up_all().await;
    gate.holds(0).await;
}

#[actix::test]
async fn sigterm_lets_a_placement_finish() {
    let mut gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.provider.behave(json!({"answerDelayMs": 1_000})).await;
    let call_id = gate.post_call_async("42").await.expect(202)["callId"].as_str().unwrap().to_owned();

    assert_eq!(gate.terminate().code(), Some(0));
    gate.start_again().await;

    assert_eq!(gate.get_call(&call_id).await["status"], "active", "its answer was waited for and stored");
    assert_eq!(gate.provider.dialled().await, 1);
}

#[actix::test]
async fn a_second_process_on_the_same_database_is_sent_away_to_redis() {
    let gate = Gate::start().await;

    let second = gate.run(&["serve"]);

    assert_eq!(second.status.code(), Some(2), "{second:?}");
    let said = String::from_utf8(second.stderr).unwrap().to_lowercase();
    assert!(said.contains("redis"), "{said}");
    gate.get("/health/ready").await.expect(200);
}

#[actix::test]
async fn a_file_is_laid_over_the_defaults_and_the_environment_over_both() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("own.toml");
    std::fs::write(&file, "[capacity]\nglobal_cap = 9\n[plans.PRO]\nlimit = 7\n").unwrap();
    let gate = Gate::builder().cap(8).config(&file).start().await;

    gate.put_business("42", "PRO").await;

    assert_eq!(gate.get("/api/pools/default").await.expect(200)["cap"], 8, "the environment");
    assert_eq!(gate.get_business("42").await["limit"], 7, "the file");
}
