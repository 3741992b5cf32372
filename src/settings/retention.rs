//! `[retention]`: how long calls that are over are kept.

use super::{SettingsError, section::Section};

/// `[retention]`.
#[derive(Clone, Debug)]
pub struct RetentionSettings {
    /// Days; none: for ever.
    pub days: Option<u32>,
}

impl RetentionSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let days = section.whole("days", 0..=36_500)?;
        Ok(Self { days: (days > 0).then_some(days) })
    }
}
