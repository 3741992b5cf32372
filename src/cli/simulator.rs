//! `callgate simulator`: the simulated provider as a process of its own.

use std::net::SocketAddr;

use super::Failure;
use super::application::stop_signal;
use crate::provider::simulator::{Simulator, SimulatorOptions};
use crate::provider::twilio::Account;

const HELP: &str = "\
Speaks the part of the provider's API that the gate uses, and of Twilio's. A gate dials at it with provider.base_url (or
ELEVENLABS_BASE_URL) and any API key. Under /sim it is watched and made to misbehave: GET /sim/state,
PUT /sim/behaviour, POST /sim/inbound, POST /sim/calls/ID/hangup. It listens on loopback only.

Examples:
  callgate simulator --cap 5 --webhook-secret s3cret \\
      --webhook-url http://127.0.0.1:8080/api/webhooks/elevenlabs
  ELEVENLABS_API_KEY=any ELEVENLABS_BASE_URL=http://127.0.0.1:9090 ELEVENLABS_WEBHOOK_SECRET=s3cret callgate serve
  curl -X PUT http://127.0.0.1:9090/sim/behaviour -H 'content-type: application/json' -d '{\"placement\": \"429\"}'

Environment:
  ELEVENLABS_WEBHOOK_SECRET    as --webhook-secret
  SIMULATOR_API_KEY            as --api-key
  SIMULATOR_TWILIO_AUTH_TOKEN  as --twilio-auth-token

Exit codes:
  0  stopped by SIGTERM, SIGINT or SIGHUP
  2  bad usage, or the address is taken";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
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
    /// Where the simulated carrier asks what to do with a call
    #[arg(long, value_name = "URL")]
    voice_url: Option<String>,
    /// Where it tells that a call is over
    #[arg(long, value_name = "URL")]
    status_url: Option<String>,
    /// The carrier's account
    #[arg(long, value_name = "SID", requires = "twilio_auth_token")]
    twilio_account_sid: Option<String>,
    /// Opens the carrier's API, and signs what it sends
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SIMULATOR_TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        requires = "twilio_account_sid"
    )]
    twilio_auth_token: Option<String>,
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
        voice_url: arguments.voice_url,
        status_url: arguments.status_url,
        account: arguments
            .twilio_account_sid
            .zip(arguments.twilio_auth_token)
            .map(|(sid, auth_token)| Account { sid, auth_token }),
    };
    let simulator =
        Simulator::start(options).map_err(|error| Failure::Usage(format!("--bind {}: {error}", arguments.bind)))?;
    println!("simulated provider listening on http://{}", simulator.address);
    stop_signal().await;
    simulator.stop().await;
    Ok(())
}
