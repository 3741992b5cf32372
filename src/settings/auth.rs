//! `[auth]`: the key from the environment. Further keys live in the database.

use super::{Secret, SettingsError, section::Section};

/// `[auth]`.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// One API key with scope admin.
    pub admin_key: Option<Secret>,
}

impl AuthSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self { admin_key: section.secret("admin_key")? })
    }
}
