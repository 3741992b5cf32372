//! What callgate tells about itself: metrics and logs. Nothing here decides.

pub mod history;
mod labels;
pub mod metrics;
pub mod tracing;

pub use history::{History, Sample};
pub use metrics::{Metrics, RejectionTally};
