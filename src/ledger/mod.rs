//! Who holds which slot: the port, and where the ledger lives.
//!
//! A ledger decides by [`domain::admission`](crate::domain::admission) and is rebuilt from the session table.
//! It is never the truth about a call; it is what makes "may I?" fast and exact.

#[cfg(test)]
mod contract;
mod database;
#[cfg(test)]
mod differential;
mod memory;
mod port;
mod redis;

pub use database::DatabaseLedger;
pub use memory::MemoryLedger;
pub use port::{Answer, Counts, Instruction, LeaseId, LedgerError, LedgerMode, Occupied, SlotLedger, Standing};
pub use redis::{RedisLedger, RedisTarget, UnusableTarget};
