//! `[demo]`: the public demo door.

use super::{SettingsError, section::Section};

/// `[demo]`. The door is closed (404) until both are set.
#[derive(Clone, Debug)]
pub struct DemoSettings {
    /// The agent that talks.
    pub agent_id: Option<String>,
    /// The number that calls, by the provider's id.
    pub phone_number_id: Option<String>,
}

impl DemoSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self { agent_id: section.word("agent_id")?, phone_number_id: section.word("phone_number_id")? })
    }
}
