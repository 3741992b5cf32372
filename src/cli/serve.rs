//! `callgate serve`: the gate itself.

use std::net::SocketAddr;

use super::application::{Application, Overrides, stop_signal};
use super::{ConfigFile, Failure};

const HELP: &str = "\
The first line on stdout, once requests are accepted: `callgate listening on http://ADDR`. The log goes to stderr.
Without any API key only loopback is served. SIGTERM drains: what is at work is finished, live calls stay live.

Examples:
  callgate
  callgate serve --config production.toml
  DATABASE_URL=postgres://callgate@db/callgate REDIS_URL=redis://redis GLOBAL_CAP=20 callgate serve --bind 0.0.0.0:8080

Environment:
  CALLGATE__SECTION__KEY     any setting, over the file, as in CALLGATE__SERVER__DRAIN_SECONDS
  DATABASE_URL               sqlite: or postgres://; by default a file in the working directory
  REDIS_URL                  shares the slots among replicas; without it there is one
  GLOBAL_CAP                 calls at once
  ELEVENLABS_API_KEY         dials there; without it a simulated provider is started
  ELEVENLABS_WEBHOOK_SECRET  signs the provider's webhooks
  CALLGATE_NODE              the name of this replica, by default the host's
  RUST_LOG                   what is logged, as in info,callgate=debug

Exit codes:
  0  stopped by SIGTERM, SIGINT or SIGHUP
  1  it cannot go on: an actor crashes again and again, or the lock on the database is lost
  2  bad usage or configuration, or the database is not reached; the line on stderr names the key";

#[derive(Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Where to listen, in the place of server.bind; port 0 takes any free one
    #[arg(long, value_name = "ADDR")]
    bind: Option<SocketAddr>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut settings = arguments.config.load()?;
    if let Some(bind) = arguments.bind {
        settings.server.bind = bind;
    }
    let application = Application::build(settings, Overrides::default()).await?;
    println!("callgate listening on http://{}", application.address());
    tracing::info!(address = %format_args!("http://{}/", application.address()), "the dashboard is served");
    if let Some(simulator) = application.simulator_address() {
        println!("simulated provider listening on http://{simulator}");
    }
    Ok(application.run_until(stop_signal()).await?)
}
