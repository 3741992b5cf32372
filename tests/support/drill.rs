//! What a drill says, and how a replica is killed and started by a command of the shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The report of a drill that must have ended with this code.
#[track_caller]
pub(crate) fn report(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Result and test of each, as in `["A passed", "D failed"]`.
pub(crate) fn results(report: &Value) -> Vec<String> {
    let tests = report["tests"].as_array().unwrap().iter();
    tests.map(|test| format!("{} {}", test["test"].as_str().unwrap(), test["result"].as_str().unwrap())).collect()
}

/// Why a test failed.
pub(crate) fn failure_of(report: &Value, test: &str) -> String {
    let mut tests = report["tests"].as_array().unwrap().iter();
    let found = tests.find(|found| found["test"] == test).unwrap();
    found["failure"].as_str().unwrap_or_default().to_owned()
}

/// A command that kills a process with SIGKILL and starts a gate at its address, on the settings that it inherits.
/// What it started ends with this handle.
pub(crate) struct Restart {
    pub(crate) command: String,
    started: PathBuf,
    _folder: TempDir,
}

impl Restart {
    /// `address` as `http://HOST:PORT`; `settings` are put over what is inherited, as in `NAME=VALUE`.
    pub(crate) fn of(process_id: u32, address: &str, settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (started, log) = (folder.path().join("started"), folder.path().join("restarted.log"));
        let bind = address.strip_prefix("http://").unwrap();
        let (program, started_at, log) = (env!("CARGO_BIN_EXE_callgate"), started.display(), log.display());
        // Until the killed process has let go of its database and its port.
        let serve = format!("while ! env {settings} {program} serve --bind {bind}; do :; done");
        let command = format!("kill -9 {process_id}; setsid sh -c '{serve}' >{log} 2>&1 & echo $! >{started_at}");
        Self { command, started, _folder: folder }
    }
}

impl Drop for Restart {
    fn drop(&mut self) {
        end(&self.started);
    }
}

fn end(started: &Path) {
    if let Ok(process_id) = fs::read_to_string(started) {
        // It leads a session of its own, with the gate in it.
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", process_id.trim())]).status();
    }
}
