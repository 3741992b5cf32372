//! `[reconcile]`: when sweeps run, and what they may conclude.

use std::time::Duration;

use super::{SettingsError, section::Section};

/// `[reconcile]`.
#[derive(Clone, Debug)]
pub struct ReconcileSettings {
    /// Between sweeps that ask the provider.
    pub interval: Duration,
    /// Between sweeps of the ledger against the table alone.
    pub ledger_interval: Duration,
    /// From the start of the process to its first sweep; zero: at once.
    pub startup_delay: Duration,
    /// Younger than this is not stuck; two looks half of it apart make absence count.
    pub grace: Duration,
    /// Older than this, a call ends when the provider says that it is not live.
    pub max_call_age: Duration,
    /// Older than this, a call ends when the provider cannot be asked.
    pub blind_max_age: Duration,
    /// What happens to a call that is live at the provider and unknown here.
    pub unmanaged: Unmanaged,
    /// A hang-up that takes longer is reported; it is tried on all the same.
    pub stuck_termination: Duration,
    /// At least this between two questions to the provider of a gate that is full; none: it never asks.
    pub on_demand: Option<Duration>,
    /// Questions to the provider that a sweep asks in a second at most.
    pub requests_per_second: u32,
    /// Questions to the provider that a sweep has open at once at most.
    pub concurrent_requests: u32,
}

/// What happens to a call that is live at the provider and unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmanaged {
    /// It counts as overflow until it is over.
    Adopt,
    /// It is hung up.
    Terminate,
}

impl ReconcileSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let on_demand = section.seconds("on_demand_seconds", 0..=86_400)?;
        Ok(Self {
            interval: section.seconds("interval_seconds", 1..=86_400)?,
            ledger_interval: section.seconds("ledger_interval_seconds", 1..=86_400)?,
            startup_delay: section.seconds("startup_delay_seconds", 0..=3600)?,
            grace: section.seconds("grace_seconds", 0..=86_400)?,
            max_call_age: section.seconds("max_call_age_seconds", 1..=604_800)?,
            blind_max_age: section.seconds("blind_max_age_seconds", 1..=604_800)?,
            unmanaged: section.parsed("unmanaged", "adopt, terminate", |text| match text {
                "adopt" => Some(Unmanaged::Adopt),
                "terminate" => Some(Unmanaged::Terminate),
                _ => None,
            })?,
            stuck_termination: section.seconds("stuck_termination_seconds", 1..=86_400)?,
            requests_per_second: section.whole("requests_per_second", 1..=10_000)?,
            concurrent_requests: section.whole("concurrent_requests", 1..=64)?,
            on_demand: (!on_demand.is_zero()).then_some(on_demand),
        })
    }
}
