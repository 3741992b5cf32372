//! `[capacity]`: the pool's cap.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[capacity]`.
#[derive(Clone, Debug)]
pub struct CapacitySettings {
    /// Calls live at once in the pool, as configured; the pool's row may say otherwise at run time.
    pub global_cap: u32,
    /// Only within this after its admission is a call dialled.
    pub dial_within: Duration,
    /// More slots sold than so many times the cap is worth a warning; 0: never.
    pub oversubscription_threshold_ratio: f64,
}

impl CapacitySettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            global_cap: section.whole("global_cap", 1..=100_000)?,
            dial_within: section.seconds("dial_within_seconds", 1..=60)?,
            oversubscription_threshold_ratio: section.ratio("oversubscription_threshold_ratio", 0.0..=1_000.0)?,
        })
    }
}
