//! `[simulator]`: the simulated provider.

use std::net::SocketAddr;

use super::{SettingsError, section::Section, server::SOCKET_ADDRESS};

/// `[simulator]`.
#[derive(Clone, Debug)]
pub struct SimulatorSettings {
    /// Address to serve on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Calls that it carries at once; none: as many as the gate's cap.
    pub cap: Option<u32>,
}

impl SimulatorSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        let cap = section.whole("cap", 0..=100_000)?;
        Ok(Self {
            bind: section.parsed("bind", SOCKET_ADDRESS, |text| text.parse().ok())?,
            cap: (cap > 0).then_some(cap),
        })
    }
}
