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
    /// What a caller hears whom Twilio would connect and who finds no slot; none: the line is busy.
    pub announcement: Option<String>,
}

/// What an announcement accepts, for an error.
const ANNOUNCEMENT: &str = "up to 1000 characters of text in one line";

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
            announcement: section.optional("announcement", ANNOUNCEMENT, announcement)?,
        })
    }
}

/// A text that can be read out; spaces alone are none.
fn announcement(text: &str) -> Option<String> {
    let plain = text.chars().count() <= 1000 && !text.chars().any(char::is_control) && !text.trim().is_empty();
    plain.then(|| text.trim().to_owned())
}
