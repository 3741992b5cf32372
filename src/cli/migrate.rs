//! `callgate migrate`: the database schema.

use super::{ConfigFile, Failure};
use crate::store::Store;

#[derive(Debug, clap::Args)]
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
