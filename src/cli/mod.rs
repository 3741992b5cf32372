//! The command line: parses, wires the rooms together, runs.

mod admin_key;
mod application;
mod demo;
mod drill;
mod keys;
mod migrate;
mod peer;
mod reconcile;
mod replay;
mod serve;
mod simulator;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use application::{Application, AroundEventStore, AroundProvider, Overrides, StartError};

use crate::settings::{Settings, SettingsError};

const HELP: &str = "\
`callgate COMMAND --help` has examples, the environment and the exit codes of a command; `-h` is the short form.

Configuration:
  Every setting has a default. A file (--config FILE) is laid over them, the environment over both: section.key is
  CALLGATE__SECTION__KEY there. DATABASE_URL, REDIS_URL, GLOBAL_CAP, ELEVENLABS_API_KEY, ELEVENLABS_BASE_URL,
  ELEVENLABS_WEBHOOK_SECRET and RUST_LOG are read too. Unknown keys are errors.

Exit codes:
  0  done
  1  a check failed
  2  bad usage or configuration";

/// A gate for live phone calls: no outbound call starts and no inbound call stays without a slot.
#[derive(Debug, Parser)]
#[command(name = "callgate", version, about, arg_required_else_help = false, after_long_help = HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gate (this is what no command at all does, too)
    Serve(serve::Arguments),
    /// Run the gate with the simulated provider, three businesses and live traffic, on a fresh temporary database
    Demo(demo::Arguments),
    /// Run the simulated provider alone
    Simulator(simulator::Arguments),
    /// Bring the database schema up to date, or show what is missing
    Migrate(migrate::Arguments),
    /// Run one sweep: compare ledger, database and provider, repair what drifted, and print the report
    Reconcile(reconcile::Arguments),
    /// Replay the events: rebuild the session table, or compare with it
    Replay(replay::Arguments),
    /// Sign a deployment off: cap, inbound calls, a full provider, kill -9
    Drill(drill::Arguments),
    /// Make, list and revoke API keys
    Keys(keys::Arguments),
}

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// A check failed.
    #[error("{0}")]
    Check(String),
    /// Bad usage or configuration.
    #[error("{0}")]
    Usage(String),
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Check(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Usage(reason) => Self::Usage(reason),
            StartError::Failed(reason) => Self::Check(reason),
        }
    }
}

/// Runs the command line of this process. The exit code is 0 when done, 1 where a check failed, 2 for bad usage.
pub fn run() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or_else(|| Command::Serve(serve::Arguments::default()));
    let result = actix::System::new().block_on(async move {
        match command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Simulator(arguments) => simulator::run(arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Reconcile(arguments) => reconcile::run(arguments).await,
            Command::Replay(arguments) => replay::run(arguments).await,
            Command::Drill(arguments) => drill::run(arguments).await,
            Command::Keys(arguments) => keys::run(arguments).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Check(reason)) => {
            eprintln!("callgate: {reason}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(reason)) => {
            eprintln!("callgate: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Prints a line; whoever reads may have gone, which is no failure.
fn print_line(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a document as people can read it, too.
fn print_json(document: &serde_json::Value) {
    print_line(serde_json::to_string_pretty(document).expect("a map has text keys"));
}

/// How to print what there is to say.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Format {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which configuration file to read.
#[derive(Clone, Debug, Default, clap::Args)]
struct ConfigFile {
    /// A TOML file over the built-in defaults; the environment (`CALLGATE__SECTION__KEY`) is over both
    #[arg(long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> Result<Settings, SettingsError> {
        Settings::load(self.file.as_deref().map(Path::new), environment())
    }
}

/// The environment, without names and values that are not text.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Whether a name of the environment leads to a database, a Redis or a provider, or opens them.
fn leads_outside(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["DATABASE_URL", "REDIS_URL"].contains(&name.as_str())
        || ["ELEVENLABS_", "CALLGATE__DATABASE__", "CALLGATE__PROVIDER__", "CALLGATE__REDIS__"]
            .iter()
            .any(|beginning| name.starts_with(beginning))
}
