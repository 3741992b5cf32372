//! Who may have a slot: one rule, and the counts that it looks at.

mod occupancy;
mod rule;

pub use occupancy::{Counts, Holder, Occupancy};
pub use rule::{Rejection, Request, Verdict, admit};
