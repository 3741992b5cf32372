//! callgate: a gate for live phone calls.
pub mod actors;
pub mod cli;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod provider;
pub mod settings;
pub mod sources;
pub mod store;
pub mod telemetry;
