//! How a process is asked to stop.

/// Resolves when the process is asked to stop (SIGTERM or SIGINT).
pub(in crate::cli) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be heard; stop the process by SIGKILL");
            std::future::pending::<()>().await;
        }
    }
}
