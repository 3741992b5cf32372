//! Two replicas at one call: the one that comes second looks what the first makes of it, for a while.

use std::time::Duration;

/// Looks, at most.
const LOOKS: u32 = 30;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// The looks that are left.
pub(super) struct Patience(u32);

impl Patience {
    /// All of them.
    pub(super) fn new() -> Self {
        Self(LOOKS)
    }

    /// Waits for the next look; false where that was the last.
    pub(super) async fn wait(&mut self) -> bool {
        tokio::time::sleep(PAUSE).await;
        self.0 -= 1;
        self.0 > 0
    }
}
