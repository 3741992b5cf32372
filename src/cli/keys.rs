//! `callgate keys`: API keys in the database.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

use super::{ConfigFile, Failure, Format, print_json, print_line};
use crate::settings::Settings;
use crate::store::{ApiKey, Scope, Store};

const HELP: &str = "\
Keys are long random texts; the database has only their hashes. A key is shown once, when it is made. A gate that runs
takes a new or revoked key into account within a second. Without any key a gate is open, and serves on loopback only.

Examples:
  callgate keys create --name platform --scope call
  callgate keys create --name grafana --scope read --json
  callgate keys list
  callgate keys revoke 0197c8a2

Environment:
  CALLGATE__AUTH__ADMIN_KEY  one more key, of scope admin, that is not in the database
  CALLGATE__SECTION__KEY     as for `callgate serve`; the database is DATABASE_URL, or database.url

Exit codes:
  0  done
  1  there is no such key, or the database does not answer
  2  bad usage or configuration";

const SCOPES: [Scope; 3] = [Scope::Read, Scope::Call, Scope::Admin];

/// A name that a terminal can show in one line.
fn name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("a name is 1 to 200 printable characters") }
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
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
        #[arg(long, value_parser = name)]
        name: String,
        /// What it opens: read, call (place, end and read calls) or admin (everything)
        #[arg(long, default_value = "call", value_parser = scope())]
        scope: Scope,
        #[command(flatten)]
        format: Format,
    },
    /// List all keys
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Revoke a key by its id
    Revoke {
        /// The id, as `list` shows it, or its beginning, where no other active key begins so
        id: String,
    },
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(SCOPES.map(Scope::as_str)).try_map(|scope| scope.parse::<Scope>())
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = arguments.config.load()?;
    let store = Store::open(settings.database.url.expose()).await?;
    store.migrate().await?;
    match arguments.action {
        Action::Create { name, scope, format } => create(&store, &name, scope, format).await,
        Action::List { format } => list(&store, format).await,
        Action::Revoke { id } => revoke(&store, &id, &settings).await,
    }
}

async fn create(store: &Store, name: &str, scope: Scope, format: Format) -> Result<(), Failure> {
    let (made, key) = store.create_key(name, scope).await?;
    if format.json {
        let mut view = view(&made);
        view["key"] = json!(key);
        print_json(&view);
    } else {
        print_line(format_args!("id {} scope {}; the key is shown only now:", made.key_id, made.scope.as_str()));
        print_line(key);
    }
    Ok(())
}

async fn list(store: &Store, format: Format) -> Result<(), Failure> {
    let keys = store.keys().await?;
    if format.json {
        print_json(&json!({ "keys": keys.iter().map(view).collect::<Vec<_>>() }));
        return Ok(());
    }
    let state = |key: &ApiKey| key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {}", time(at)));
    let widest = keys.iter().map(|key| key.name.chars().count()).chain([4]).max().unwrap_or_default();
    print_line(format_args!("{:<36}  {:<6} {:<24}  {:<widest$}  STATE", "ID", "SCOPE", "CREATED", "NAME"));
    for key in &keys {
        let ApiKey { key_id, name, scope, created_at, .. } = key;
        let (scope, created) = (scope.as_str(), time(*created_at));
        print_line(format_args!("{key_id:<36}  {scope:<6} {created:<24}  {name:<widest$}  {}", state(key)));
    }
    if keys.is_empty() {
        print_line("there are no keys; make one with `callgate keys create --name NAME --scope SCOPE`");
    }
    Ok(())
}

async fn revoke(store: &Store, id: &str, settings: &Settings) -> Result<(), Failure> {
    let active: Vec<_> = store.keys().await?.into_iter().filter(|key| key.revoked_at.is_none()).collect();
    let mut named = active.iter().filter(|key| !id.is_empty() && key.key_id.starts_with(id));
    let none = || Failure::Check(format!("there is no active key with the id {id}"));
    let key = named.next().ok_or_else(none)?;
    if named.next().is_some() {
        return Err(Failure::Usage(format!("the ids of several active keys begin with {id}; name one in full")));
    }
    if !store.revoke_key(&key.key_id).await? {
        return Err(none());
    }
    print_line(format_args!("revoked {} {:?} scope {}", key.key_id, key.name, key.scope.as_str()));
    let others = || active.iter().filter(|other| other.key_id != key.key_id);
    if settings.auth.admin_key.is_some() || key.scope != Scope::Admin || others().any(|key| key.scope == Scope::Admin) {
        return Ok(());
    }
    let left = if others().next().is_some() { "" } else { ", and the last key at all" };
    eprintln!(
        "callgate: that was the last key of scope admin{left}: nobody can change the gate over HTTP; make another with \
         `callgate keys create --scope admin`, or set auth.admin_key"
    );
    Ok(())
}

fn view(key: &ApiKey) -> Value {
    json!({
        "id": key.key_id,
        "name": key.name,
        "scope": key.scope.as_str(),
        "createdAt": time(key.created_at),
        "revokedAt": key.revoked_at.map(time),
    })
}

/// RFC 3339, UTC, milliseconds.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
