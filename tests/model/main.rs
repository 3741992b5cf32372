//! The cluster as a model: replicas, Redis, database and provider, in every order of steps within small bounds.
//!
//! It stands alone and shares no code with the gate. `docs/PROOF.md` says what it shows and what it does not.
//! `cargo test --test model -- --nocapture` prints how many states were looked at, and each counterexample.

mod action;
mod admitting;
mod bounds;
mod breaking;
mod checking;
mod database;
mod ending;
mod failing;
mod holding;
mod ledger;
mod names;
mod network;
mod properties;
mod provider;
mod rebuilding;
mod redis;
mod replica;
mod state;
