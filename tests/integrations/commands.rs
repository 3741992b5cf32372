//! The commands that documents tell a reader to type, typed: against a real gate, in order, in one shell.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use rstest::rstest;

use crate::document::blocks;
use crate::support::gate::{Gate, SECRET};
use crate::support::twilio::{ACCOUNT, TOKEN};

/// Ends what one block of commands says.
const END: &str = "=== end of a block ===";

/// Where the documents say that gate and simulated provider are.
const GATE: &str = "http://127.0.0.1:8080";
const PROVIDER: &str = "http://127.0.0.1:9090";

/// Members whose value is the point of an answer.
const TELLING: [&str; 5] = ["error", "outcome", "plan", "status", "callgate_capacity"];

/// A block of commands, and what the document says that they answer.
struct Typed {
    commands: String,
    shown: Option<String>,
}

fn typed(path: &str) -> Vec<Typed> {
    let mut typed: Vec<Typed> = Vec::new();
    for block in blocks(path).into_iter().filter(|block| block.runs) {
        match (block.language.as_str(), typed.last_mut()) {
            ("sh", _) => typed.push(Typed { commands: block.text, shown: None }),
            (_, Some(last)) if last.shown.is_none() => last.shown = Some(block.text),
            _ => panic!("{path}: an answer without a question:\n{}", block.text),
        }
    }
    typed
}

/// The names of members in a text with JSON in it.
fn members(text: &str) -> BTreeSet<&str> {
    let pieces: Vec<&str> = text.split('"').collect();
    let named = pieces.windows(2).filter(|pair| pair[1].trim_start().starts_with(':'));
    named.map(|pair| pair[0]).collect()
}

/// What is shown and was not said: the status, headers, metrics, names of members, and values that are the point of the answer.
fn lacking(shown: &str, said: &str) -> Option<String> {
    let heads = shown.lines().filter(|line| line.starts_with("HTTP/1.1 ")).map(str::to_owned);
    let plain = || shown.lines().filter(|line| !line.contains('"'));
    let headers = plain().filter_map(|line| Some(format!("{}: ", line.split_once(": ")?.0)));
    let metrics =
        plain().filter_map(|line| line.split_once(' ')).map(|(name, _)| name).filter(|name| name.contains('_'));
    let values = shown.split(['{', ',', '}']).map(str::trim);
    let values = values.filter(|member| TELLING.iter().any(|name| member.starts_with(&format!("\"{name}\":"))));
    let texts =
        heads.chain(headers).chain(metrics.chain(values).map(str::to_owned)).find(|wanted| !said.contains(wanted));
    texts.or_else(|| members(shown).into_iter().find(|member| !members(said).contains(member)).map(str::to_owned))
}

/// Types all of a document in one shell; what it says must be as the document shows it.
fn type_all_of(path: &str, gate: &Gate) {
    let typed = typed(path);
    assert!(!typed.is_empty(), "{path} has nothing to type");
    let script: Vec<String> = typed.iter().map(|typed| format!("{}\necho; echo '{END}'", typed.commands)).collect();
    let script = script.join("\n").replace(GATE, gate.address()).replace(PROVIDER, &gate.provider.address);
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).env_clear().stdin(Stdio::null());
    bash.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    bash.env("ELEVENLABS_WEBHOOK_SECRET", SECRET).env("TWILIO_ACCOUNT_SID", ACCOUNT).env("TWILIO_AUTH_TOKEN", TOKEN);
    let output = bash.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path}: {}\n{said}\n{complaint}", output.status);
    for (typed, said) in typed.iter().zip(said.split(END)) {
        assert!(!said.contains("\"INTERNAL_ERROR\""), "{said}");
        if let Some(shown) = &typed.shown {
            assert_eq!(lacking(shown, said), None, "{path} shows more than is said by\n{}\n{said}", typed.commands);
        }
    }
}

#[rstest]
#[case::nothing("HTTP/1.1 200 OK\nx-a: 1\n\n{\"a\":1,\"error\":\"X\"}", None)]
#[case::another_status("HTTP/1.1 201 Created", Some("HTTP/1.1 201 Created"))]
#[case::a_header("location: /here", Some("location: "))]
#[case::a_metric("calls_total 3", Some("calls_total"))]
#[case::a_member("{\"b\":1}", Some("b"))]
#[case::another_error("{\"error\":\"Y\"}", Some("\"error\":\"Y\""))]
fn what_a_document_shows_and_nobody_said_is_noticed(#[case] shown: &str, #[case] noticed: Option<&str>) {
    let said = "HTTP/1.1 200 OK\nx-a: 2\n\n{\"a\":2,\"error\":\"X\"}\n";
    assert_eq!(lacking(shown, said).as_deref(), noticed);
}

#[actix::test]
async fn what_the_readme_says_to_type_answers_as_it_shows() {
    let gate = Gate::builder().cap(10).start().await;

    type_all_of("README.md", &gate);
}

#[actix::test]
async fn what_the_providers_guide_says_to_type_answers_as_it_shows() {
    let gate = Gate::builder().twilio().start().await;

    type_all_of("docs/PROVIDERS.md", &gate);
}
