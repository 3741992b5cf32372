//! Where time, ids and chance come from. Everything else takes them from here, or has them handed in.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
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

/// When somebody first asked how long the process has been running.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// For how long the process has been running, about: monotonic, for telling how far two moments are apart.
pub fn running_for() -> Duration {
    BEGAN.elapsed()
}

/// A clock that goes this far from the monotonic one between two looks has jumped.
const JUMP: TimeDelta = TimeDelta::seconds(5);

/// How the clock has gone so far.
static COURSE: Mutex<Course> = Mutex::new(Course { seen: None, jumped: None });

/// How a clock goes, by the monotonic one.
#[derive(Debug)]
struct Course {
    /// When it was looked at, and what it showed.
    seen: Option<(Instant, DateTime<Utc>)>,
    jumped: Option<Instant>,
}

impl Course {
    /// It shows `shown` at `at`.
    fn see(&mut self, at: Instant, shown: DateTime<Utc>) {
        if let Some((then, showed)) = self.seen.replace((at, shown)) {
            let gone = TimeDelta::from_std(at.saturating_duration_since(then)).unwrap_or(TimeDelta::MAX);
            if (shown - showed - gone).abs() > JUMP {
                self.jumped = Some(at);
            }
        }
    }

    /// Whether it has not jumped in the last `for_`.
    fn is_steady(&self, at: Instant, for_: Duration) -> bool {
        self.jumped.is_none_or(|jumped| at.saturating_duration_since(jumped) >= for_)
    }
}

/// Looks at the clock, and tells whether it has gone as it should for the last `for_`. Where it has not, ages say nothing.
pub fn clock_is_steady(for_: Duration) -> bool {
    let mut course = COURSE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = Instant::now();
    course.see(at, now());
    course.is_steady(at, for_)
}

/// Sets the clock by the one that replicas share, which shows `shared` now. Gives by how much it was off.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn set_clock(shared: DateTime<Utc>) -> TimeDelta {
    COURSE.lock().unwrap_or_else(PoisonError::into_inner).see(Instant::now(), shared);
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

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_mins(1);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A clock that showed noon at the given moment.
    fn seen(at: Instant) -> (Course, DateTime<Utc>) {
        let noon = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let mut course = Course { seen: None, jumped: None };
        course.see(at, noon);
        (course, noon)
    }

    #[test]
    fn a_clock_that_goes_is_steady_and_so_is_one_that_is_set_right_by_little() {
        let began = Instant::now();
        let (mut course, noon) = seen(began);
        assert!(course.is_steady(began, GRACE), "the first look says nothing of a jump");
        course.see(began + s(5), noon + s(9));
        course.see(began + s(3600), noon + s(3600));
        assert!(course.is_steady(began + s(3600), GRACE));
    }

    #[test]
    fn a_clock_that_jumped_either_way_is_steady_again_a_grace_later() {
        for shown in [-3600, 3600] {
            let began = Instant::now();
            let (mut course, noon) = seen(began);
            course.see(began + s(5), noon + TimeDelta::seconds(shown));
            course.see(began + s(10), noon + TimeDelta::seconds(shown + 5));
            assert!(!course.is_steady(began + s(64), GRACE));
            assert!(course.is_steady(began + s(65), GRACE));
        }
    }

    #[test]
    fn a_clock_that_went_on_while_the_monotonic_one_stood_still_has_jumped() {
        let began = Instant::now();
        let (mut course, noon) = seen(began);
        course.see(began, noon + TimeDelta::hours(1));
        assert!(!course.is_steady(began, GRACE));
    }
}
