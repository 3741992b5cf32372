//! `[server]`: where callgate serves, and how much at once.

use std::{net::SocketAddr, time::Duration};

use super::{
    SettingsError,
    section::Section,
    url::{HTTP_BASE, http_base},
};

/// `[server]`.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Address to serve on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Base of links and webhook URLs, without a slash at its end.
    pub public_url: Option<String>,
    /// Requests at work at once; beyond it the answer is 503 `OVERLOADED`.
    pub max_in_flight: u32,
    /// How long it goes on serving at a stop, not ready any more, until balancers have noticed.
    pub drain: Duration,
    /// How long open requests may take to finish at a stop.
    pub shutdown_timeout: Duration,
}

impl ServerSettings {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            bind: section.parsed("bind", SOCKET_ADDRESS, |text| text.parse().ok())?,
            public_url: section.optional("public_url", HTTP_BASE, http_base)?,
            max_in_flight: section.whole("max_in_flight", 1..=1_000_000)?,
            drain: section.seconds("drain_seconds", 0..=300)?,
            shutdown_timeout: section.seconds("shutdown_timeout_seconds", 1..=3600)?,
        })
    }
}

/// What an address to bind accepts, for an error.
pub(super) const SOCKET_ADDRESS: &str = "addresses as IP:PORT, for example 127.0.0.1:8080";
