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
    /// How long a call may last, in seconds; `None`: as long as it does.
    pub max_duration_seconds: Option<u32>,
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

    /// Calls at once of a business on that plan, where it has a limit of its `own` or none: its own, else the plan's, else
    /// the cap.
    ///
    /// A plan that is no longer configured permits nothing: the gate cannot prove what was sold.
    pub fn limit(&self, plan: &PlanName, own: Option<u32>, cap: u32) -> u32 {
        own.unwrap_or_else(|| match self.get(plan) {
            Some(plan) => plan.limit.unwrap_or(cap),
            None => 0,
        })
    }

    /// How long a call on that plan may last, in seconds, where its request asked for `asked`: the smaller of the two.
    pub fn longest_call(&self, plan: &PlanName, asked: Option<u32>) -> Option<u32> {
        let allowed = self.get(plan).and_then(|plan| plan.max_duration_seconds);
        asked.into_iter().chain(allowed).min()
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::neither("FREE", None, None)]
    #[case::the_requests("FREE", Some(60), Some(60))]
    #[case::the_plans("SHORT", None, Some(30))]
    #[case::the_plan_is_stricter("SHORT", Some(60), Some(30))]
    #[case::the_request_is_stricter("SHORT", Some(10), Some(10))]
    #[case::a_plan_that_is_gone("GONE", Some(60), Some(60))]
    fn a_call_lasts_no_longer_than_its_plan_and_its_request_say(
        #[case] plan: &str,
        #[case] asked: Option<u32>,
        #[case] longest: Option<u32>,
    ) {
        let terms = |max_duration_seconds| Plan { limit: None, reserved: 0, max_duration_seconds };
        let plans: Plans =
            [("FREE".parse().unwrap(), terms(None)), ("SHORT".parse().unwrap(), terms(Some(30)))].into_iter().collect();
        assert_eq!(plans.longest_call(&plan.parse().unwrap(), asked), longest);
    }
}
