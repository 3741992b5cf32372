//! One provider account: how many calls at once it was bought for, and who has a reserve in it.

use std::collections::BTreeMap;

use super::ids::{PlanName, PoolId};

/// The terms under which slots of a pool are given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub id: PoolId,
    /// Live calls at once that the provider allows.
    pub cap: u32,
    /// No new slots while true; live calls go on.
    pub paused: bool,
    /// Slots kept for the businesses of a plan.
    pub reserves: BTreeMap<PlanName, u32>,
}
