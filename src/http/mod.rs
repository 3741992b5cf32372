//! The routes: HTTP and webhooks translated into messages, and answers back. One file per resource.
//!
//! Handlers parse at the edge, ask the gate, and show what it says. They hold no state and decide nothing.

mod agents;
mod auth;
mod body;
mod businesses;
mod call_view;
mod calls;
mod concurrency;
mod dashboard;
mod debug;
mod do_not_call;
mod doors;
mod events;
mod health;
mod metrics;
mod openapi;
mod overview;
mod phone_numbers;
mod pools;
mod problem;
mod reconciliations;
mod request;
mod routes;
mod state;
mod twilio;
mod webhooks;

pub use auth::Doors;
pub use openapi::document;
pub use overview::{ProviderKind, Vantage};
pub use routes::{configure, observe};
pub use state::{AppState, Carrier, DemoDoor, WebhookPolicy};
