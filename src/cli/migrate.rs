//! `callgate migrate`: the database schema.

use super::{ConfigFile, Failure};
use crate::store::Store;

const HELP: &str = "\
`callgate serve` does this at its start, too. Migrations only add, so a gate of the release before goes on meanwhile.
Replicas that migrate at the same time wait for each other.

Examples:
  callgate migrate
  DATABASE_URL=postgres://callgate@db/callgate callgate migrate status

Environment:
  DATABASE_URL            the database, over database.url
  CALLGATE__SECTION__KEY  as for `callgate serve`

Exit codes:
  0  up to date
  1  migrations are missing (status), or the database does not answer
  2  bad usage or configuration";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// What to do
    #[arg(value_enum, default_value = "up")]
    action: Action,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Action {
    /// Apply what is missing
    Up,
    /// Show what is missing; exits 1 where something is
    Status,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = Store::open(arguments.config.load()?.database.url.expose()).await?;
    let pending = store.pending_migrations().await?;
    for name in &pending {
        println!("missing: {name}");
    }
    match arguments.action {
        Action::Up => {
            store.migrate().await?;
            println!("the schema is up to date ({} applied)", pending.len());
            Ok(())
        }
        Action::Status if pending.is_empty() => {
            println!("the schema is up to date");
            Ok(())
        }
        Action::Status => Err(Failure::Check(format!("{} migrations are missing", pending.len()))),
    }
}
