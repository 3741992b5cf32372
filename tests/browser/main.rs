//! The dashboard in a real browser: a headless Chromium next to a real gate. One file per noun.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the cluster tests use the rest")]
mod support;

mod accessibility;
mod browser;
mod call_page;
mod calls;
mod connection;
mod files;
mod keyboard;
mod keys;
mod operations;
mod overview;
mod screenshots;
mod stream;
