//! callgate: a gate for live phone calls.
pub mod domain;
pub mod sources;
