//! Which key a gate is asked with over HTTP. The configuration's own stays on this machine.

use std::net::IpAddr;

use awc::http::Uri;

use super::Failure;
use crate::settings::{Secret, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct AdminKey {
    /// An API key of scope admin; without it the admin key of the configuration, which is sent to loopback only
    #[arg(long, value_name = "KEY", env = "CALLGATE_KEY", hide_env_values = true)]
    key: Option<String>,
}

impl AdminKey {
    /// For the gate that the configuration describes.
    pub(super) fn at_home(&self, settings: &Settings) -> Option<String> {
        let configured = || settings.auth.admin_key.as_ref().map(Secret::expose).map(str::to_owned);
        self.key.clone().or_else(configured)
    }

    /// For a gate at `--url`, which may be anybody's.
    pub(super) fn at(&self, url: &str, settings: &Settings) -> Result<Option<String>, Failure> {
        if self.key.is_none() && leads_away(url) {
            return Err(Failure::Usage(format!(
                "--url {url}: name a key of scope admin with --key or CALLGATE_KEY; the admin key of the configuration \
                 is sent to loopback only"
            )));
        }
        Ok(self.at_home(settings))
    }
}

/// Whether a host is named that is not this machine.
fn leads_away(url: &str) -> bool {
    // Without a scheme it is no address, and is told so.
    let parsed: Option<Uri> = url.parse().ok().filter(|uri: &Uri| uri.scheme().is_some());
    let Some(host) = parsed.as_ref().and_then(Uri::host) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:8080", false)]
    #[case("http://127.9.9.9", false)]
    #[case("http://[::1]:8080", false)]
    #[case("http://localhost:8080", false)]
    #[case("https://callgate.example.com", true)]
    #[case("http://127.0.0.1@callgate.example.com", true)]
    #[case("http://localhost.example.com", true)]
    #[case("http://127.0.0.1.example.com", true)]
    #[case("callgate", false)]
    #[case("http://10.0.0.1:8080", true)]
    #[case("http://[2001:db8::1]", true)]
    fn only_loopback_is_this_machine(#[case] url: &str, #[case] away: bool) {
        assert_eq!(leads_away(url), away);
    }
}
