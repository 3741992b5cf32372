//! `callgate keys`: API keys in the database.

use clap::builder::NonEmptyStringValueParser;

use super::{ConfigFile, Failure};
use crate::store::{Scope, Store};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a key; it is shown once, on the last line
    Create {
        /// What it is for
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        name: String,
        /// What it opens: read, call (place, end and read calls) or admin (everything)
        #[arg(long, default_value = "call")]
        scope: Scope,
    },
    /// List all keys
    List,
    /// Revoke a key by its id
    Revoke {
        /// The id, as `list` shows it
        id: String,
    },
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = Store::open(arguments.config.load()?.database.url.expose()).await?;
    store.migrate().await?;
    match arguments.action {
        Action::Create { name, scope } => {
            let (made, key) = store.create_key(&name, scope).await?;
            println!("id {} scope {}; the key is shown only now:", made.key_id, made.scope.as_str());
            println!("{key}");
        }
        Action::List => {
            for key in store.keys().await? {
                let state =
                    key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {}", at.to_rfc3339()));
                println!(
                    "{} {} {} {:?} {state}",
                    key.key_id,
                    key.scope.as_str(),
                    key.created_at.to_rfc3339(),
                    key.name
                );
            }
        }
        Action::Revoke { id } => {
            if !store.revoke_key(&id).await? {
                return Err(Failure::Check(format!("there is no active key with the id {id}")));
            }
            println!("revoked {id}");
        }
    }
    Ok(())
}
