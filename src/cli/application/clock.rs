//! One clock for all replicas: the database's. Ages of calls decide what a sweep concludes.

use std::time::{Duration, Instant};

use crate::actors::Gate;
use crate::sources;
use crate::store::Store;

/// Between two looks at the database's clock.
const LOOK: Duration = Duration::from_secs(5);
/// An answer that takes longer says too little about the time.
const SLOW: Duration = Duration::from_millis(500);
/// Hosts whose clocks are kept by NTP differ by less.
const NOTEWORTHY: Duration = Duration::from_secs(1);

/// Sets this process's clock by the database's.
pub(super) async fn set_clock(store: &Store) {
    let asked = Instant::now();
    let Ok(shared) = store.clock().await else { return };
    let Some(shared) = shared else {
        // The host's clock it is. Looked at often, it shows when it jumps.
        sources::clock_is_steady(Duration::ZERO);
        return;
    };
    let round_trip = asked.elapsed();
    if round_trip > SLOW {
        return;
    }
    let off = sources::set_clock(shared + round_trip / 2);
    if off.abs().to_std().is_ok_and(|off| off > NOTEWORTHY) {
        tracing::warn!(
            off_ms = off.num_milliseconds(),
            "this host's clock is not the database's; the database's counts"
        );
    }
}

/// Goes on setting it.
pub(super) fn keep_clock(gate: Gate) {
    actix::spawn(async move {
        while !gate.is_draining() {
            tokio::time::sleep(LOOK).await;
            set_clock(gate.store()).await;
        }
    });
}
