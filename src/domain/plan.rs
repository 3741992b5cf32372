//! What a business pays for: how many calls at once, and how many slots its plan keeps in reserve.

use std::collections::BTreeMap;

use super::ids::PlanName;

/// The terms of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Calls at once for one business; `None`: as many as the pool's cap.
    pub limit: Option<u32>,
    /// Slots of the pool that only businesses of this plan may use.
    pub reserved: u32,
}

/// The plans on offer, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans(BTreeMap<PlanName, Plan>);

impl Plans {
    /// The plan of that name.
    pub fn get(&self, name: &PlanName) -> Option<&Plan> {
        self.0.get(name)
    }

    /// Every plan, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&PlanName, &Plan)> {
        self.0.iter()
    }

    /// What each plan keeps in reserve; plans without a reserve are left out.
    pub fn reserves(&self) -> BTreeMap<PlanName, u32> {
        self.0.iter().filter(|(_, plan)| plan.reserved > 0).map(|(name, plan)| (name.clone(), plan.reserved)).collect()
    }
}

impl FromIterator<(PlanName, Plan)> for Plans {
    fn from_iter<I: IntoIterator<Item = (PlanName, Plan)>>(plans: I) -> Self {
        Self(plans.into_iter().collect())
    }
}
