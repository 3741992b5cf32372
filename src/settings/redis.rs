//! `[redis]`: where the slot ledger is kept when there are replicas.

use super::{ConnectionUrl, SettingsError, section::Section};

/// `[redis]`.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// The Redis that holds the ledger; none: the ledger is in memory, for one replica.
    pub url: Option<ConnectionUrl>,
    /// Prefix of every key, inside one hash tag.
    pub prefix: String,
    /// PEM of the authority that signed its certificate; none: one of the public ones.
    pub certificate_authority: Option<Vec<u8>>,
}

impl RedisSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            url: section.optional("url", "URLs that begin with redis:// or rediss://", |text| {
                ConnectionUrl::with_scheme(text, &["redis://", "rediss://"])
            })?,
            prefix: section.parsed("prefix", "1 to 64 of letters, digits, _, -, . and :", prefix)?,
            certificate_authority: section.optional("ca_file", "readable files", |path| std::fs::read(path).ok())?,
        })
    }
}

/// Braces would end the hash tag early and tear the ledger over several nodes.
fn prefix(text: &str) -> Option<String> {
    let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    fits.then(|| text.to_owned())
}
