//! `[inbound]`: calls that come in.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[inbound]`.
#[derive(Clone, Debug)]
pub struct InboundSettings {
    /// What happens to a call that finds no slot.
    pub on_full: OnFull,
    /// After it an admitted initiation that never got a conversation ends.
    pub bind_timeout: Duration,
}

/// What happens to an inbound call that finds no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// It is hung up.
    Terminate,
    /// It stays and counts as overflow.
    Admit,
}

impl InboundSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            on_full: section.parsed("on_full", "terminate, admit", |text| match text {
                "terminate" => Some(OnFull::Terminate),
                "admit" => Some(OnFull::Admit),
                _ => None,
            })?,
            bind_timeout: section.seconds("bind_timeout_seconds", 1..=3600)?,
        })
    }
}
