//! Notes of the gate itself: what happened without a call. Each is a stream of one event.

use serde::{Deserialize, Serialize};

use crate::domain::call::Direction;
use crate::domain::ids::{BusinessId, PlanName, PoolId};

/// Something that happened at the gate, not to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Bulletin {
    /// A call was refused before it had a slot.
    AdmissionRejected {
        /// Whose call it would have been.
        business_id: BusinessId,
        /// On which plan.
        plan: PlanName,
        /// Who dialled.
        direction: Direction,
        /// The error code.
        reason: String,
    },
    /// An operator changed a pool.
    PoolChanged {
        /// Which.
        pool: PoolId,
        /// Live calls at once.
        cap: u32,
        /// No new slots while true.
        paused: bool,
        /// Who did it.
        by: String,
    },
}

impl Bulletin {
    /// The names of all bulletins in the `event_type` column.
    pub const NAMES: [&str; 2] = ["AdmissionRejected", "PoolChanged"];

    /// The name in the `event_type` column.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdmissionRejected { .. } => "AdmissionRejected",
            Self::PoolChanged { .. } => "PoolChanged",
        }
    }

    /// Whether an event of that name is a bulletin, not part of a call.
    pub fn is_named(name: &str) -> bool {
        Self::NAMES.contains(&name)
    }
}
