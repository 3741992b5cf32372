//! `[database]`: where events and sessions are kept.

use super::{ConnectionUrl, SettingsError, section::Section};

/// `[database]`.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// SQLite or PostgreSQL.
    pub url: ConnectionUrl,
}

impl DatabaseSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let accepted = "URLs that begin with sqlite:, postgres:// or postgresql://";
        let url = section.parsed("url", accepted, |text| {
            ConnectionUrl::with_scheme(text, &["sqlite://", "sqlite:", "postgres://", "postgresql://"])
        })?;
        Ok(Self { url })
    }
}
