//! Waiting for something to come true, with a deadline.

use std::time::{Duration, Instant};

/// Between the first two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks, at most: what takes long is not pressed.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a webhook, or a commit on another replica, may take.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Looks until there is what is looked for; at the deadline, what is there instead.
pub(super) async fn within<T, E>(patience: Duration, mut look: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    let began = Instant::now();
    let mut pause = PAUSE;
    loop {
        match look().await {
            Err(_) if began.elapsed() < patience => {
                tokio::time::sleep(pause.min(patience.saturating_sub(began.elapsed()))).await;
                pause = (pause * 3 / 2).min(LONGEST_PAUSE);
            }
            seen => return seen,
        }
    }
}
