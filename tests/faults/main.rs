//! Faults: processes that die, commits in doubt, actors that crash or do not answer, tasks that stall, calls that come
//! alive late or cannot be hung up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the API tests use the rest")]
mod support;

mod actor_crashes;
mod carrier;
mod commits_in_doubt;
mod hang_ups;
mod inside;
mod late_calls;
mod past;
mod process_death;
mod stale_sessions;
mod stalled_tasks;
mod wedged_actors;
