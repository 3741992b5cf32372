//! Waiting for a condition, with a deadline. Nothing else in the tests sleeps.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(45);

const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is something to see; panics with `what` was waited for at the deadline.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(began.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks until what is seen is what is wanted; panics with both at the deadline.
pub(crate) async fn settles<T: PartialEq + Debug>(wanted: T, mut look: impl AsyncFnMut() -> T) {
    let began = Instant::now();
    loop {
        let seen = look().await;
        if seen == wanted {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {wanted:?}, but it is {seen:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same as [`eventually`] outside of async code.
pub(crate) fn eventually_blocking<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Looks until there is something to see, and prints how long that took. Nothing is made of the time.
pub(crate) async fn measured<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let seen = eventually(what, look).await;
    println!("{what}: {:.1} s", began.elapsed().as_secs_f64());
    seen
}
