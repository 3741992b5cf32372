//! What a sweep concludes from what it saw. Three views: the session table, the ledger, the provider.
//!
//! Absence is weak evidence: missing in a list only prompts a question, and a call is given up only where two
//! looks, far enough apart, found no trace of it, at a provider that is proven to be the right one.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `planner` | one sweep, step by step |
//! | `row`, `stranger` | a call by the table, a conversation by the provider |
//! | `question`, `conclusion` | what to ask about a call, and what the answer means |
//! | `correction` | what is to be changed |
//! | `memory`, `policy` | what earlier sweeps found missing, and how patient a sweep is |

mod conclusion;
mod correction;
mod memory;
mod planner;
mod policy;
mod question;
mod row;
mod stranger;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod specification;

pub use correction::Correction;
pub use memory::Memory;
pub use planner::{Inquiry, Listed, Planner};
pub use policy::{Now, Policy};
pub use question::{Look, Question};
pub use row::Row;
pub use stranger::Stranger;
