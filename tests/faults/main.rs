//! Faults: processes that die, commits in doubt, actors that crash, tasks that stall, calls that come alive late.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the API tests use the rest")]
mod support;

mod actor_crashes;
mod carrier;
mod commits_in_doubt;
mod inside;
mod late_calls;
mod process_death;
mod stale_sessions;
mod stalled_tasks;
