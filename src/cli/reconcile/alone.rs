//! A sweep where no gate runs: this process is one for as long as it takes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use actix::Addr;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Failure;
use super::bar::{Bar, LOOK};
use crate::actors::supervisor::{Inspect, Reconcile, Report, Scope, SupervisorActor, SweepError};
use crate::cli::{Application, Overrides};
use crate::settings::Settings;

/// How long a ledger may take to be there.
const LEDGER_PATIENCE: Duration = Duration::from_mins(1);

/// Starts the rooms of a gate on a port that nobody knows, sweeps once, and stops.
pub(super) async fn sweep(mut settings: Settings) -> Result<Value, Failure> {
    settings.server.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.server.drain = Duration::ZERO;
    let application = Application::build(settings, Overrides::default()).await?;
    let supervisor = application.gate().supervisor().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let swept = actix::spawn(async move {
        let swept = watched(&supervisor).await;
        // Whoever waits for it goes on now.
        drop(stop);
        swept
    });
    application.run_until(async { drop(stopped.await) }).await?;
    let swept = swept.await.map_err(|error| Failure::Check(error.to_string()))?;
    swept.map(|report| report.to_json()).map_err(|error| Failure::Check(error.to_string()))
}

async fn watched(supervisor: &Addr<SupervisorActor>) -> Result<Report, SweepError> {
    let bar = Bar::new();
    let watch = async {
        loop {
            if let Ok(view) = supervisor.send(Inspect).await {
                bar.show(view.step.name, view.step.done, view.step.total);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        report = once_there_is_a_ledger(supervisor) => report,
        () = watch => unreachable!("it is watched until the sweep is done"),
    }
}

async fn once_there_is_a_ledger(supervisor: &Addr<SupervisorActor>) -> Result<Report, SweepError> {
    let began = Instant::now();
    loop {
        let asked = Reconcile { scope: Scope::Full, trigger: "command" };
        match supervisor.send(asked).await.unwrap_or(Err(SweepError::Crashed)) {
            Err(SweepError::Ledger) if began.elapsed() < LEDGER_PATIENCE => tokio::time::sleep(LOOK).await,
            swept => return swept,
        }
    }
}
