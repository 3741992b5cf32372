//! The commands that documents tell a reader to type, typed: against a real gate, in order, in one shell.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::document::blocks;
use crate::support::gate::{Gate, SECRET};
use crate::support::twilio::{ACCOUNT, TOKEN};

/// Ends what one block of commands says.
const END: &str = "=== end of a block ===";

/// Where the documents say that gate and simulated provider are.
const GATE: &str = "http://127.0.0.1:8080";
const PROVIDER: &str = "http://127.0.0.1:9090";

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

/// What is shown must be in what was said: the status, the names of members, headers, metrics.
fn assert_as_shown(shown: &str, said: &str, commands: &str) {
    for line in shown.lines() {
        let head = line.strip_prefix("HTTP/1.1 ").map(|status| format!("HTTP/1.1 {status}"));
        let metric =
            line.split_once(' ').filter(|_| !line.contains('"') && line.contains('_')).map(|(name, _)| name.to_owned());
        let header = line.split_once(": ").filter(|_| !line.contains('"')).map(|(name, _)| format!("{name}: "));
        for wanted in [head, metric, header].into_iter().flatten() {
            assert!(said.contains(&wanted), "{commands}\nwas to say {wanted:?}, but said\n{said}");
        }
    }
    for member in members(shown) {
        assert!(members(said).contains(member), "{commands}\nwas to have the member {member:?}, but said\n{said}");
    }
}

/// Types all of a document in one shell; what it says must be as the document shows it.
async fn type_all_of(path: &str, gate: &Gate) {
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
            assert_as_shown(shown, said, &typed.commands);
        }
    }
}

#[actix::test]
async fn what_the_readme_says_to_type_answers_as_it_shows() {
    let gate = Gate::builder().cap(10).start().await;

    type_all_of("README.md", &gate).await;
}

#[actix::test]
async fn what_the_providers_guide_says_to_type_answers_as_it_shows() {
    let gate = Gate::builder().twilio().start().await;

    type_all_of("docs/PROVIDERS.md", &gate).await;
}
