//! What platforms build against the gate, as the documentation shows it: its programs and its commands are run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the API and cluster tests use the rest")]
mod support;

mod clients;
mod commands;
mod document;
mod language;
mod links;
mod quotations;
mod relays;
