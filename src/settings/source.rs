//! Where values come from: the compiled-in defaults, a file, the environment, each laid over the one before.
//! `default.toml` is also the list of the keys that there are.

use std::{collections::BTreeMap, fs, path::Path};

use config::{Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::{error::SettingsError, section::Section, url::without_credentials};

/// The compiled-in layer.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Names that operators already have in their environment, and the keys they stand for.
pub(super) const USUAL_NAMES: [(&str, &str); 6] = [
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("GLOBAL_CAP", "capacity.global_cap"),
    ("ELEVENLABS_API_KEY", "provider.api_key"),
    ("ELEVENLABS_BASE_URL", "provider.base_url"),
    ("ELEVENLABS_WEBHOOK_SECRET", "webhooks.secrets"),
];

/// Keys whose values are never shown.
pub(super) const SECRETS: [&str; 5] =
    ["auth.admin_key", "metrics.token", "provider.api_key", "provider.twilio_auth_token", "webhooks.secrets"];

/// Sections where the value of a misspelt key may be a secret or carry one.
const DISCREET_SECTIONS: [&str; 6] = ["auth", "database", "metrics", "provider", "redis", "webhooks"];

/// The values of one or more layers by key, `section.key` in lower case (plan names in upper case).
/// Secrets are among them, so it has no `Debug`.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, ValueKind>);

impl Layers {
    /// Stacks the layers; a key that is not in the defaults is refused in the layer that has it.
    pub(super) fn stack(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let defaults = Self::defaults()?;
        let environment: Map<String, String> = environment.into_iter().collect();
        let mut overlays = Vec::new();
        if let Some(file) = file {
            overlays.push(Self::file(file)?);
        }
        overlays.push(Self::usual_names(&environment));
        overlays.push(Self::named_by_key(environment)?);

        let mut stacked = Self(defaults.0.clone());
        for overlay in overlays {
            overlay.refuse_unknown_keys(&defaults)?;
            stacked.0.extend(overlay.0);
        }
        Ok(stacked)
    }

    pub(super) fn defaults() -> Result<Self, SettingsError> {
        Self::toml(DEFAULTS, Path::new("config/default.toml"))
    }

    fn file(file: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(file)
            .map_err(|error| SettingsError::File { file: file.to_owned(), reason: error.to_string() })?;
        Self::toml(&text, file)
    }

    fn toml(text: &str, file: &Path) -> Result<Self, SettingsError> {
        let tables = File::from_str(text, FileFormat::Toml)
            .collect()
            .map_err(|error| SettingsError::File { file: file.to_owned(), reason: in_one_line(&error.to_string()) })?;
        Ok(Self::flatten(tables))
    }

    fn usual_names(environment: &Map<String, String>) -> Self {
        let values = USUAL_NAMES.iter().filter_map(|(name, key)| {
            let value = environment.get(*name)?.trim();
            (!value.is_empty()).then(|| ((*key).to_owned(), value.into()))
        });
        Self(values.collect())
    }

    fn named_by_key(environment: Map<String, String>) -> Result<Self, SettingsError> {
        let values = Environment::with_prefix("CALLGATE")
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment))
            .collect()
            .map_err(|error| SettingsError::File {
                file: "the environment".into(),
                reason: in_one_line(&error.to_string()),
            })?;
        Ok(Self::flatten(values))
    }

    fn flatten(tables: Map<String, Value>) -> Self {
        let mut layer = Self::default();
        for (name, value) in tables {
            layer.insert(&name, value);
        }
        layer
    }

    /// Takes a table apart; an empty one stays, so that a misspelt header is noticed.
    fn insert(&mut self, key: &str, value: Value) {
        match value.kind {
            ValueKind::Table(table) if !table.is_empty() => {
                for (name, value) in table {
                    self.insert(&format!("{key}.{name}"), value);
                }
            }
            kind => {
                self.0.insert(spelt(key), kind);
            }
        }
    }

    fn refuse_unknown_keys(&self, known: &Self) -> Result<(), SettingsError> {
        let unknown = self.0.iter().find(|(key, value)| {
            let known_table = matches!(value, ValueKind::Table(_)) && known.under(key).next().is_some();
            !known.0.contains_key(*key) && !known_table && !is_plan_key(key)
        });
        let Some((key, value)) = unknown else {
            return Ok(());
        };
        let section = key.split('.').next().unwrap_or_default();
        let (shown, accepted) = if known.under(section).next().is_none() {
            ("***".to_owned(), format!("the sections {}", known.sections()))
        } else if section == "plans" {
            (shown(value), "plans.NAME.limit, plans.NAME.reserved and plans.NAME.max_duration_seconds".to_owned())
        } else {
            let names: Vec<_> = known.under(section).collect();
            let shown = if DISCREET_SECTIONS.contains(&section) { "***".to_owned() } else { shown(value) };
            (shown, format!("{} in [{section}]", names.join(", ")))
        };
        Err(SettingsError::UnknownKey { key: key.escape_debug().to_string(), value: shown, accepted })
    }

    /// The rest of every key below `table`.
    pub(super) fn under<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter_map(move |key| key.strip_prefix(table)?.strip_prefix('.'))
    }

    fn sections(&self) -> String {
        let mut names: Vec<_> = self.0.keys().filter_map(|key| key.split('.').next()).collect();
        names.dedup();
        names.join(", ")
    }

    pub(super) fn section(&self, name: impl Into<String>) -> Section<'_> {
        Section::new(self, name.into())
    }

    pub(super) fn value(&self, key: &str) -> Option<&ValueKind> {
        self.0.get(key)
    }

    /// The error for the value that a key has.
    pub(super) fn refuse(&self, key: &str, accepted: impl Into<String>) -> SettingsError {
        let value = match self.value(key) {
            None => "(none)".to_owned(),
            Some(ValueKind::String(text)) if text.is_empty() => "\"\"".to_owned(),
            Some(_) if SECRETS.contains(&key) => "***".to_owned(),
            Some(value) => shown(value),
        };
        SettingsError::NotAccepted { key: key.escape_debug().to_string(), value, accepted: accepted.into() }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The variable of the environment that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("CALLGATE__{}", key.replace('.', "__").to_uppercase())
}

/// The one spelling of a key: lower case, names of plans in upper case.
fn spelt(key: &str) -> String {
    let key = key.to_lowercase();
    match key.strip_prefix("plans.") {
        Some(plan) => {
            let (name, rest) = plan.split_at(plan.find('.').unwrap_or(plan.len()));
            format!("plans.{}{rest}", name.to_uppercase())
        }
        None => key,
    }
}

fn is_plan_key(key: &str) -> bool {
    let mut parts = key.split('.');
    parts.next() == Some("plans")
        && parts.next().is_some()
        && matches!(parts.next(), Some("limit" | "reserved" | "max_duration_seconds"))
        && parts.next().is_none()
}

/// The value as in TOML, in one line and without credentials.
fn shown(value: &ValueKind) -> String {
    match value {
        ValueKind::Nil => "(none)".to_owned(),
        ValueKind::String(text) => format!("{:?}", without_credentials(text)),
        ValueKind::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| shown(&value.kind)).collect();
            format!("[{}]", values.join(", "))
        }
        ValueKind::Table(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// The place and the reason of a TOML error, without the lines of the file that it quotes.
fn in_one_line(error: &str) -> String {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let place = lines.next().unwrap_or("unreadable").to_owned();
    match lines.next_back() {
        Some(reason) => format!("{place}: {reason}"),
        None => place,
    }
}
