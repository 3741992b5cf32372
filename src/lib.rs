//! callgate: a gate for live phone calls.
pub mod domain;
pub mod ledger;
pub mod provider;
pub mod settings;
pub mod sources;
pub mod store;
pub mod telemetry;
