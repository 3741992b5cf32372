//! `[retry_after]`: how long a refused caller is told to wait.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[retry_after]`.
#[derive(Clone, Debug)]
pub struct RetryAfterSettings {
    /// Refused because the pool is full.
    pub global: Duration,
    /// Refused because the business is at its limit.
    pub business: Duration,
    /// Refused for any other reason.
    pub other: Duration,
    /// Refused by the provider with 429, without a time of its own.
    pub provider: Duration,
    /// Up to this many percent are added by chance.
    pub jitter_percent: u32,
}

impl RetryAfterSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            global: section.seconds("global_seconds", 1..=86_400)?,
            business: section.seconds("business_seconds", 1..=86_400)?,
            other: section.seconds("other_seconds", 1..=86_400)?,
            provider: section.seconds("provider_seconds", 1..=86_400)?,
            jitter_percent: section.whole("jitter_percent", 0..=100)?,
        })
    }
}
