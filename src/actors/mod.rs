//! The imperative shell: actors that own state, decide by the domain, and act.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `gate` | the front: what HTTP handlers talk to |
//! | `outbound`, `inbound` | a call's way through the gate, in either direction |
//! | `capacity`, `lease` | the CapacityActor: who has a slot |
//! | `journal` | the JournalActor: group commit |
//! | `session` | the CallSessionActor: one live call |
//! | `directory`, `services` | which sessions are active, and what they work with |
//! | `supervisor`, `sweep` | the SupervisorActor: periodic comparison of all views |
//! | `sweeper` | which replica does that for all |
//! | `guardian`, `roster`, `crash` | restarts, and the record of them |
//! | `watch`, `pulse`, `ping`, `deadline` | finding actors that do not answer, and threads that are blocked |
//! | `keyed`, `twins` | one at a time per key: on this replica, and over several |

pub mod capacity;
pub mod crash;
mod deadline;
pub mod directory;
pub mod gate;
pub mod guardian;
pub mod inbound;
pub mod journal;
mod keyed;
pub mod lease;
pub mod outbound;
pub mod ping;
pub mod pulse;
pub mod roster;
pub mod services;
pub mod session;
pub mod supervisor;
mod sweep;
pub mod sweeper;
mod twins;
pub mod watch;

pub use gate::{Gate, GateParts};
