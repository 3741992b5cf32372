//! `callgate demo`: the gate on a fresh temporary database, the simulated provider, three businesses, live traffic.

mod figures;
mod status_line;
mod traffic;

use std::net::SocketAddr;
use std::time::Duration;

use super::application::{Application, Overrides, StartError, stop_signal};
use super::peer::Peer;
use super::{Failure, environment, leads_outside};
use crate::settings::Settings;
use figures::Figures;
use status_line::StatusLine;
use traffic::Traffic;

/// How long the last calls may take to end.
const WIND_DOWN: Duration = Duration::from_secs(30);

const HELP: &str = "\
Everything is on this machine and in a temporary folder: no database, Redis or provider of yours is touched. Calls come
and go by themselves; the first lines say where to look and how to make the provider misbehave. Ctrl-C ends it.

Examples:
  callgate demo
  callgate demo --bind 127.0.0.1:0 --cap 20
  callgate demo --seconds 30        compares all counts at the end

Environment:
  CALLGATE__SECTION__KEY  any setting but those of database, redis and provider
  RUST_LOG                what is logged on stderr

Exit codes:
  0  stopped, or all counts agreed
  1  the counts differed (--seconds), or it could not go on
  2  bad usage or configuration";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Live calls at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    cap: u32,
    /// Stop after this long, compare the counts at the provider, in the ledger and in the database, exit 1 if they differ
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

/// What a demo does otherwise than `serve`: sweeps often, so that a lost webhook is seen to be repaired.
const TEMPO: [(&str, &str); 4] = [
    ("CALLGATE__RECONCILE__GRACE_SECONDS", "5"),
    ("CALLGATE__RECONCILE__INTERVAL_SECONDS", "15"),
    ("CALLGATE__RECONCILE__LEDGER_INTERVAL_SECONDS", "5"),
    ("CALLGATE__RECONCILE__STARTUP_DELAY_SECONDS", "5"),
];

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::Check(format!("no temporary folder: {error}")))?;
    let settings = settings(&arguments, folder.path())?;
    let application = Application::build(settings, Overrides::default()).await?;
    let (gate, provider) = (application.address(), application.simulator_address());
    let provider = provider.ok_or_else(|| Failure::Check("the simulated provider does not run".to_owned()))?;
    introduce(gate, provider);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = actix::spawn(application.run_until(async {
        let _ = stopped.await;
    }));
    let (gate, provider) = (Peer::at(gate), Peer::at(provider));
    let traffic = Traffic::start(&gate, &provider).await.map_err(Failure::Check)?;
    let line = StatusLine::start(gate.clone(), provider.clone());
    match arguments.seconds {
        Some(seconds) => tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = stop_signal() => {}
        },
        None => stop_signal().await,
    }
    traffic.stop();
    let verdict = if arguments.seconds.is_some() { Some(compare(&gate, &provider).await) } else { None };
    line.stop();
    let _ = stop.send(());
    let served = serving.await.unwrap_or_else(|error| Err(StartError::Failed(error.to_string())));
    served?;
    match verdict {
        Some(Err(reason)) => Err(Failure::Check(reason)),
        Some(Ok(words)) => {
            println!("{words}");
            Ok(())
        }
        None => Ok(()),
    }
}

/// The built-in defaults on a database of its own; the environment may still change the rest.
fn settings(arguments: &Arguments, folder: &std::path::Path) -> Result<Settings, Failure> {
    let ours = |name: &str| leads_outside(name) || name.eq_ignore_ascii_case("GLOBAL_CAP");
    let tempo = TEMPO.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let chosen = environment().into_iter().filter(|(name, _)| !ours(name));
    let url = format!("sqlite://{}?mode=rwc", folder.join("demo.db").display());
    let fixed = [("DATABASE_URL".to_owned(), url), ("GLOBAL_CAP".to_owned(), arguments.cap.to_string())];
    let mut settings = Settings::load(None, tempo.chain(chosen).chain(fixed))?;
    settings.server.bind = arguments.bind;
    Ok(settings)
}

fn introduce(gate: SocketAddr, provider: SocketAddr) {
    println!("callgate listening on http://{gate}");
    println!("dashboard at http://{gate}/");
    println!("simulated provider listening on http://{provider}");
    println!();
    println!("Three businesses call: ada-dental (PRO, 3 at once), bolt-couriers (STARTER, 1), corner-cafe (PAYG, 1).");
    println!("See the slots:       curl -s http://{gate}/api/concurrent-metrics/status");
    println!("See the metrics:     curl -s http://{gate}/metrics");
    println!(
        "Lose every webhook:  curl -s -X PUT http://{provider}/sim/behaviour -H 'content-type: application/json' -d '{{\"webhooks\":{{\"lose\":true}}}}'"
    );
    println!(
        "Provider says 429:   curl -s -X PUT http://{provider}/sim/behaviour -H 'content-type: application/json' -d '{{\"placement\":\"429\"}}'"
    );
    println!("Back to normal:      the same with {{\"webhooks\":{{\"lose\":false}}}} and {{\"placement\":\"ok\"}}");
    println!("Stop with Ctrl-C.");
    println!();
}

/// Waits until no call is live, and says whether everybody agrees on that.
async fn compare(gate: &Peer, provider: &Peer) -> Result<String, String> {
    let deadline = tokio::time::Instant::now() + WIND_DOWN;
    loop {
        // A sweep that fails shows in the counts.
        let _ = gate.post("/api/reconciliations", None).await;
        let figures = Figures::read(gate, provider).await.ok_or("the gate or the provider does not answer")?;
        let Figures { provider_live, ledger, database, provider_max, cap, .. } = figures;
        if provider_max > cap {
            return Err(format!("{provider_max} calls of the gate were live at once; the cap is {cap}"));
        }
        if provider_live == 0 && ledger == 0 && database == 0 {
            let Figures { started, rejected, .. } = figures;
            return Ok(format!(
                "{started} calls, {rejected} refused, at most {provider_max} of {cap} live at once; provider 0, ledger 0, database 0: they agree"
            ));
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(format!("provider {provider_live}, ledger {ledger}, database {database}: they do not agree"));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
