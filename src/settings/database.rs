//! `[database]`: where events and sessions are kept.

use super::{ConnectionUrl, SettingsError, section::Section};

/// `[database]`.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// SQLite or PostgreSQL.
    pub url: ConnectionUrl,
    /// Connections of this replica to PostgreSQL, at most.
    pub max_connections: u32,
}

impl DatabaseSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let accepted = "URLs that begin with sqlite:, postgres:// or postgresql://";
        let url = section.parsed("url", accepted, |text| {
            ConnectionUrl::with_scheme(text, &["sqlite://", "sqlite:", "postgres://", "postgresql://"])
        })?;
        Ok(Self { url, max_connections: section.whole("max_connections", 2..=1_000)? })
    }
}
