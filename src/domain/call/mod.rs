//! The call: one aggregate, one event stream.
//!
//! [`decide`] turns a command into events or a refusal; [`evolve`] folds an event into the state.
//! Both are pure; `evolve` is total.

mod asking;
mod command;
mod consequences;
mod decide;
mod duty;
mod event;
mod evolve;
mod profile;
mod reason;
mod record;
mod reference;
mod stall;
mod state;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod specification;

pub use asking::{Asking, Next};
pub use command::{Asked, Command, Context, InboundDecision, Refusal};
pub use consequences::{Consequence, LedgerNews, Settlement, Standing, StandingNews, news_for_the_ledger};
pub use decide::decide;
pub use duty::Duty;
pub use event::{CallEvent, EventKind};
pub use evolve::{evolve, replay};
pub use profile::{Direction, Profile, Source};
pub use reason::{Doubt, EndReason, TerminationReason, Witness};
pub use record::{Record, SlotState, Status};
pub use reference::{Reference, ReferenceKind, References};
pub use stall::StallLimits;
pub use state::{Call, LiveCall, Outcome, OverCall, Phase, Placement, Slot};
