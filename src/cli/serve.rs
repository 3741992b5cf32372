//! `callgate serve`: the gate itself.

use std::net::SocketAddr;

use super::application::{Application, Overrides, stop_signal};
use super::{ConfigFile, Failure};

#[derive(Debug, Default, clap::Args)]
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
