//! Moments that nobody chose.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// One of `0..choices`.
pub(crate) fn one_of(choices: usize) -> usize {
    usize::try_from(RandomState::new().hash_one(()) % choices as u64).unwrap()
}

/// Lets up to so many milliseconds pass.
pub(crate) async fn some_moment(up_to_millis: usize) {
    let millis = u64::try_from(one_of(up_to_millis)).unwrap();
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
