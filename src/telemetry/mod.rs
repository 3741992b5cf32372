//! What callgate tells about itself: metrics and logs. Nothing here decides.

mod labels;
pub mod metrics;
pub mod tracing;

pub use metrics::{Metrics, RejectionTally};
