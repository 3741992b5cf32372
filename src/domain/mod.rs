//! The ground floor: what a call is, who may have a slot, what a sweep concludes.
//!
//! Pure. Nothing here reads a clock, draws a random number or waits for anything:
//! time and ids are handed in. That is what makes the properties testable.

pub mod admission;
pub mod back_off;
pub mod business;
pub mod call;
pub mod ids;
pub mod notice;
pub mod oversubscription;
pub mod phone;
pub mod plan;
pub mod pool;
pub mod reception;
pub mod reconciliation;
pub mod retry_after;
