//! Waiting for an answer for so long, without the time in which the process itself stood still: then nobody could answer.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The time is looked at so often: a longer standstill than a part of it is noticed.
const PARTS: u32 = 8;

/// The answer, or none after so long.
pub(super) async fn answered_within<T>(within: Duration, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    let part = within / PARTS;
    let mut left = PARTS;
    while left > 0 {
        let began = Instant::now();
        if let Ok(answer) = timeout(part, &mut answer).await {
            return Some(answer);
        }
        if began.elapsed() < part * 2 {
            left -= 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep};

    const WITHIN: Duration = Duration::from_secs(80);

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_is_the_answer_and_a_later_one_is_none() {
        for (seconds, expected) in [(0, Some(7)), (79, Some(7)), (90, None)] {
            let answer = async {
                sleep(Duration::from_secs(seconds)).await;
                7
            };
            assert_eq!(answered_within(WITHIN, answer).await, expected, "after {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_the_process_stood_still_does_not_count() {
        let began = Instant::now();
        let answer = async {
            sleep(Duration::from_secs(75)).await;
            // Everything stands still, and goes on an hour later.
            advance(Duration::from_hours(1)).await;
            sleep(Duration::from_secs(5)).await;
            7
        };
        assert_eq!(answered_within(WITHIN, answer).await, Some(7));
        assert!(began.elapsed() > Duration::from_hours(1));
    }
}
