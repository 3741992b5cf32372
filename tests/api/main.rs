//! callgate from outside: real processes, real requests. One file per noun.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the cluster tests use the rest")]
mod support;

mod calls;
mod carrier_hang_ups;
mod carrier_signatures;
mod configuration;
mod directory;
mod documentation;
mod doors;
mod drill_command;
mod errors;
mod help;
mod idempotency;
mod initiation;
mod keys;
mod overview;
mod placements;
mod pool;
mod reconcile_command;
mod reconciliations;
mod refusals;
mod sign_off;
mod signatures;
mod twilio;
mod watching;
mod webhooks;
