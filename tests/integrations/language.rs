//! The example clients as programs: TypeScript, compiled and run by Node, and Python.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::door::Door;
use crate::support::gate::NUMBER;
use crate::support::process::Process;

/// The root of the repository.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    TypeScript,
    Python,
}

impl Language {
    /// One of the programs, to be run against the gate at `address`.
    pub(crate) fn program(self, name: &str, address: &str) -> Command {
        let mut command = match self {
            Self::TypeScript => {
                let mut node = Command::new("node");
                node.arg(compiled().join(format!("{}.js", name.replace('_', "-"))));
                node
            }
            Self::Python => {
                let mut python = Command::new("python3");
                python.arg("-B").arg(Path::new(ROOT).join(format!("examples/clients/python/{name}.py")));
                python
            }
        };
        command.env_clear().env("CALLGATE_URL", address);
        for name in ["HOME", "PATH"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    /// Starts the program that places a call of business 42 under a key.
    pub(crate) fn places_a_call(self, gate: &Door, key: &str, folder: &Path) -> Process {
        self.places_a_call_at(gate.address(), key, folder, &[])
    }

    /// The same, over a line to the gate, and with settings.
    pub(crate) fn places_a_call_at(
        self,
        address: &str,
        key: &str,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Process {
        let mut command = self.program("place_call", address);
        command.args(["42", "agent_1", "phnum_1", NUMBER, key]).envs(settings.iter().copied());
        Process::spawn(command, &folder.join(format!("{key}.log")))
    }
}

/// Where the compiled programs are; `tests/clients` compiles them where that is not done.
fn compiled() -> PathBuf {
    static COMPILED: OnceLock<()> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let output = Command::new(Path::new(ROOT).join("tests/clients")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    });
    Path::new(ROOT).join("target/clients/build")
}
