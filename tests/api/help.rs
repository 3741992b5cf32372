//! What the command line says about itself.

use std::process::Output;

use tempfile::TempDir;

use crate::support::process::callgate;

const COMMANDS: [&str; 8] = ["serve", "demo", "simulator", "migrate", "reconcile", "replay", "drill", "keys"];

fn run(arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    callgate(folder.path()).args(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_a_help_that_one_can_work_from() {
    for command in COMMANDS {
        let long = text(&[command, "--help"]);
        for part in ["Usage: callgate ", "\nExamples:\n  callgate", "\nEnvironment:\n  ", "\nExit codes:\n  0  "] {
            assert!(long.contains(part), "{part:?} is not in the help of {command}:\n{long}");
        }
        let (_, examples) = long.split_once("\nExamples:\n").unwrap();
        let widest = examples.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{command}: a line of {widest:?}");
        let short = text(&[command, "-h"]);
        assert!(!short.contains("Examples:") && short.len() < long.len(), "{command}:\n{short}");
        assert_eq!(short.lines().next(), long.lines().next(), "{command}");
    }
}

#[test]
fn the_program_names_its_commands_and_says_where_to_read_on() {
    let help = text(&["--help"]);
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not in\n{help}");
    }
    assert!(help.contains("\nExit codes:\n  0  "), "{help}");
    let short = text(&["-h"]);
    assert!(short.len() < help.len());
}

#[test]
fn a_command_that_is_none_exits_2_and_names_it() {
    let output = run(&["drlil"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("drlil"), "{output:?}");
}
