//! Several replicas on one Redis and one PostgreSQL, all of them real processes: what they promise together, and what
//! is left of it when any of them dies, stops, or loses sight of the others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the API tests use the rest")]
mod support;

mod caps;
mod chance;
mod database_faults;
mod deaths;
mod drill;
mod failover;
mod feed;
mod homes;
mod idempotency;
mod inside;
mod old_events;
mod overview;
mod prometheus;
mod rebuilds;
mod redis_faults;
mod sessions;
mod starting;
mod stopping;
mod sweep_table;
mod sweeper;
mod topology;
mod webhooks;
