//! Where time, ids and chance come from. Everything else takes them from here, or has them handed in.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::RngExt;
use uuid::Uuid;

use crate::domain::ids::{CallId, LeaseId};

/// Milliseconds by which the clock that replicas share is ahead of this host's.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// The time, to the millisecond: what is stored, compared and shown is the same, on every replica.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> DateTime<Utc> {
    (Utc::now() + TimeDelta::milliseconds(AHEAD.load(Ordering::Relaxed))).trunc_subsecs(3)
}

/// Sets the clock by the one that replicas share, which shows `shared` now. Gives by how much it was off.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn set_clock(shared: DateTime<Utc>) -> TimeDelta {
    let off = shared - now();
    AHEAD.store((shared - Utc::now()).num_milliseconds(), Ordering::Relaxed);
    off
}

/// A moment by two clocks: the monotonic one, and the host's wall clock, which goes on while a machine is suspended.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    monotonic: Instant,
    wall: DateTime<Utc>,
}

impl Moment {
    /// This one.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: Utc::now() }
    }

    /// How long ago it was, by the clock that says more.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn elapsed(&self) -> Duration {
        let by_the_wall = (Utc::now() - self.wall).to_std().unwrap_or_default();
        self.monotonic.elapsed().max(by_the_wall)
    }
}

/// A new UUID, ordered by time (v7).
#[expect(clippy::disallowed_methods, reason = "this is the source of ids")]
pub fn new_uuid() -> Uuid {
    Uuid::now_v7()
}

/// The id of a new call.
pub fn new_call_id() -> CallId {
    CallId::new(new_uuid())
}

/// Tells one attempt at a slot from all others.
#[expect(clippy::disallowed_methods, reason = "this is the source of chance")]
pub fn new_lease_id() -> LeaseId {
    LeaseId(rand::rng().random())
}

/// Evenly from `0.0` up to, but not including, `1.0`.
#[expect(clippy::disallowed_methods, reason = "this is the source of chance")]
pub fn chance() -> f64 {
    rand::rng().random()
}

/// 32 bytes that nobody can guess, in hex: for keys and secrets.
#[expect(clippy::disallowed_methods, reason = "this is the source of chance")]
pub fn secret() -> String {
    hex::encode(rand::rng().random::<[u8; 32]>())
}

/// The name of this process among its replicas: `CALLGATE_NODE`, else the host's name and the process id.
pub fn node() -> &'static str {
    static NODE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        std::env::var("CALLGATE_NODE").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| {
            let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
            format!("{}-{}", host.as_deref().unwrap_or("node"), std::process::id())
        })
    });
    &NODE
}
