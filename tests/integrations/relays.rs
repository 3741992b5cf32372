//! A platform that hears of calls before the gate does, and hands on what it hears.

use std::io::Write;
use std::process::{Command, Stdio};

use rstest::rstest;

use crate::language::Language::{self, Python, TypeScript};
use crate::support::gate::{Gate, SECRET};
use crate::support::webhook::{ending, inbound_started};

/// The last line that the command says when it is given this on stdin.
fn answer(mut command: Command, body: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[rstest]
#[case::typescript(TypeScript)]
#[case::python(Python)]
#[actix::test]
async fn what_a_platform_relays_takes_a_slot_and_gives_it_back_once(#[case] language: Language) {
    let gate = Gate::start().await;
    gate.put_business("42", "PRO").await;
    gate.put_agent("42", "agent_in").await;
    let relayed = |webhook: &serde_json::Value| {
        let mut command = language.program("relay", gate.address());
        command.env("WEBHOOK_SECRET", SECRET);
        answer(command, &webhook.to_string())
    };

    assert_eq!(relayed(&inbound_started("conv_relayed", "agent_in")), "admitted");
    assert_eq!(relayed(&inbound_started("conv_relayed", "agent_in")), "duplicate");
    gate.holds(1).await;
    assert_eq!(relayed(&ending("conversation.ended", "conv_relayed", "agent_in")), "ended");
    gate.holds(0).await;
}
