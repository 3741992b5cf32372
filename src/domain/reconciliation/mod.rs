//! What a sweep concludes from what it saw. Three views: the session table, the ledger, the provider.
//!
//! Absence is weak evidence: missing in a list only prompts a question, and a call is given up only where two
//! looks, far enough apart, found no trace of it, at a provider that is proven to be the right one.

mod calls;
mod slots;

pub use calls::{CallView, Conclusion, Correction, Evidence, Look, Policy, Question, conclude, question};
pub use slots::{Drift, LedgerView, TableView, drift};
