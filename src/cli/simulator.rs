//! `callgate simulator`: the simulated provider as a process of its own.

use std::net::SocketAddr;

use super::Failure;
use super::application::stop_signal;
use crate::provider::simulator::{Simulator, SimulatorOptions};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    bind: SocketAddr,
    /// Live calls at once; outbound calls beyond are answered with 429
    #[arg(long, value_name = "N", default_value_t = 5)]
    cap: u32,
    /// Where to send webhooks
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Where to ask before an inbound call talks
    #[arg(long, value_name = "URL")]
    initiation_url: Option<String>,
    /// Signs the webhooks
    #[arg(long, value_name = "SECRET", env = "ELEVENLABS_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<String>,
    /// Refuse requests without this key
    #[arg(long, value_name = "KEY", env = "SIMULATOR_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if !arguments.bind.ip().is_loopback() {
        return Err(Failure::Usage(format!("--bind {}: accepted are loopback addresses", arguments.bind)));
    }
    let options = SimulatorOptions {
        bind: arguments.bind,
        cap: arguments.cap,
        webhook_url: arguments.webhook_url,
        initiation_url: arguments.initiation_url,
        webhook_secret: arguments.webhook_secret,
        api_key: arguments.api_key,
    };
    let simulator =
        Simulator::start(options).map_err(|error| Failure::Usage(format!("--bind {}: {error}", arguments.bind)))?;
    println!("simulated provider listening on http://{}", simulator.address);
    stop_signal().await;
    simulator.stop().await;
    Ok(())
}
