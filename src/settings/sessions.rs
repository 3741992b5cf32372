//! `[sessions]`: how long a call's actor stays.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[sessions]`.
#[derive(Clone, Debug)]
pub struct SessionsSettings {
    /// A session leaves after so long without a message; the next one activates it again from its events.
    pub idle_after: Duration,
}

impl SessionsSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self { idle_after: section.seconds("idle_seconds", 1..=86_400)? })
    }
}
