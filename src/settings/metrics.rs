//! `[metrics]`: who may scrape.

use super::{Secret, SettingsError, section::Section};

/// `[metrics]`.
#[derive(Clone, Debug)]
pub struct MetricsSettings {
    /// Bearer token that opens `/metrics`; none: a key with scope read does.
    pub token: Option<Secret>,
}

impl MetricsSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self { token: section.secret("token")? })
    }
}
