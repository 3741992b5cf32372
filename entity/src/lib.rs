//! callgate's tables, as SeaORM entities: one file per table. The schema itself is the `migration` crate's.

pub mod active_call_session;
pub mod agent;
pub mod api_key;
pub mod business;
pub mod call_event;
pub mod call_reference;
pub mod do_not_call;
pub mod ledger_epoch;
pub mod named_lock;
pub mod phone_number;
pub mod pool;
pub mod reconciliation_run;
pub mod slot_lease;
pub mod webhook_inbox;
