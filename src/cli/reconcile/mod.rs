//! `callgate reconcile`: one sweep, and its report.
//!
//! A gate that runs sweeps itself, and is asked to; where none runs, this process does what a gate would.

mod alone;
mod bar;
mod remote;

use serde_json::Value;

use super::admin_key::AdminKey;
use super::{ConfigFile, Failure, print_json};
use crate::settings::Settings;
use remote::{Asked, Remote};

const HELP: &str = "\
Compares ledger, database and provider, repairs what drifted, and prints every correction with its reason. The report
goes to stdout as JSON, the progress to stderr.

Examples:
  callgate reconcile
  callgate reconcile --config production.toml
  callgate reconcile --url https://callgate.example.com --key cg_0123

Environment:
  CALLGATE_KEY            as --key, which every gate at --url but one on loopback needs
  CALLGATE__SECTION__KEY  as for `callgate serve`

Exit codes:
  0  every view answered
  1  some did not, the sweep was cut short, or no gate answers at --url
  2  bad usage or configuration, or the key does not open it";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// The running gate to ask; without it the gate of the configuration, and where that does not run, this process
    /// sweeps itself
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    key: AdminKey,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = arguments.config.load()?;
    let report = match &arguments.url {
        Some(url) => match Remote::new(url, arguments.key.at(url, &settings)?)?.sweep().await? {
            Asked::Report(report) => report,
            Asked::NobodyThere(reason) => return Err(Failure::Check(format!("no gate answers at {url}: {reason}"))),
        },
        None => match remote_of(&settings, arguments.key.at_home(&settings))?.sweep().await? {
            Asked::Report(report) => report,
            Asked::NobodyThere(_) => alone::sweep(settings).await?,
        },
    };
    print_json(&report);
    if report["success"] == Value::Bool(true) {
        Ok(())
    } else {
        let unanswered = report["unanswered"].as_array().map_or(0, Vec::len);
        Err(Failure::Check(format!("the sweep is not complete: {unanswered} questions were not answered")))
    }
}

/// The gate that the configuration describes.
fn remote_of(settings: &Settings, key: Option<String>) -> Result<Remote, Failure> {
    let mut address = settings.server.bind;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Remote::new(&format!("http://{address}"), key)
}
