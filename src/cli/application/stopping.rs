//! How a process is asked to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where Linux shows the signals that a process ignores.
const STATUS: &str = "/proc/self/status";

/// Resolves when the process is asked to stop: SIGTERM, SIGINT, or SIGHUP, which a terminal that closes sends.
pub(in crate::cli) async fn stop_signal() {
    let heard = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt)] = heard else {
        if let Some(error) = heard.into_iter().find_map(Result::err) {
            tracing::error!(%error, "signals cannot be heard; stop the process by SIGKILL");
        }
        return std::future::pending().await;
    };
    let hang_up = if hang_up_may_stop() { signal(SignalKind::hangup()).ok() } else { None };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = hung_up(hang_up) => {}
    }
}

async fn hung_up(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Under `nohup` a process is to outlive its terminal: whoever listened would end that. Where nobody can tell, the
/// signal does what it always does.
fn hang_up_may_stop() -> bool {
    std::fs::read_to_string(STATUS).ok().and_then(|status| ignores_hang_up(&status)) == Some(false)
}

/// SIGHUP is the first signal, and so the lowest bit.
fn ignores_hang_up(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?.trim();
    u64::from_str_radix(mask, 16).ok().map(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_hang_up_is_ignored_is_the_lowest_bit() {
        assert_eq!(ignores_hang_up("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"), Some(false));
        assert_eq!(ignores_hang_up("SigIgn:\t0000000000001001\n"), Some(true));
        assert_eq!(ignores_hang_up("Name:\tcallgate\n"), None);
    }
}
