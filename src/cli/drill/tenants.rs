//! The businesses that a drill brings: one, or one for each plan that has slots reserved, so that together they can
//! fill the pool to its last slot.

use std::collections::BTreeMap;

/// A business of the drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tenant {
    pub(super) business: String,
    pub(super) plan: String,
    /// Free slots that only its plan may take.
    pub(super) reserved: u32,
}

impl Tenant {
    /// Takes its calls, in and out. It is called like the business.
    pub(super) fn agent(&self) -> &str {
        &self.business
    }
}

/// All of them; there is one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tenants(Vec<Tenant>);

/// The plan of a business where no plan has reserves, if it is offered.
const USUAL: &str = "ENTERPRISE";
/// The largest limit that a gate takes.
const LARGEST_LIMIT: u32 = 100_000;

impl Tenants {
    /// Named after the drill `run`; none where no plan is offered.
    pub(super) fn new(run: &str, reserves: &BTreeMap<String, u32>, held: &BTreeMap<String, u32>) -> Option<Self> {
        let unused = |plan: &String, reserve: u32| reserve.saturating_sub(held.get(plan).copied().unwrap_or_default());
        let mut tenants: Vec<_> = reserves
            .iter()
            .filter(|(plan, reserve)| **reserve > 0 && held.contains_key(*plan))
            .zip(1..)
            // Numbered, for the names of plans may be long, or differ in their case only.
            .map(|((plan, reserve), number)| Tenant {
                business: format!("{run}-{number}"),
                plan: plan.clone(),
                reserved: unused(plan, *reserve),
            })
            .collect();
        if tenants.is_empty() {
            let plan = held.keys().find(|plan| *plan == USUAL).or_else(|| held.keys().next())?;
            tenants.push(Tenant { business: run.to_owned(), plan: plan.clone(), reserved: 0 });
        }
        Some(Self(tenants))
    }

    pub(super) fn all(&self) -> &[Tenant] {
        &self.0
    }

    /// The one that asks for whatever no reserve is meant for.
    pub(super) fn first(&self) -> &Tenant {
        &self.0[0]
    }

    /// What each may have at once, so that only the pool's cap binds; no more, for what is sold is watched.
    pub(super) fn limits(&self, most: u32) -> impl Iterator<Item = (&Tenant, u32)> {
        let first = (self.first(), most.min(LARGEST_LIMIT));
        std::iter::once(first).chain(self.0[1..].iter().map(|tenant| (tenant, tenant.reserved.max(1))))
    }

    pub(super) fn have_agent(&self, agent: &str) -> bool {
        self.0.iter().any(|tenant| tenant.agent() == agent)
    }

    pub(super) fn own(&self, business: &str) -> bool {
        self.0.iter().any(|tenant| tenant.business == business)
    }

    /// Who asks for each of `count` calls: each asks for what is reserved for it, the first for the rest.
    ///
    /// So a pool that has no more than `count` slots free is full after them, in whatever order they arrive: while a
    /// slot is free, a plan with an unused reserve is never refused.
    pub(super) fn spread(&self, count: usize) -> Vec<&Tenant> {
        let reserved = self
            .0
            .iter()
            .flat_map(|tenant| std::iter::repeat_n(tenant, usize::try_from(tenant.reserved).unwrap_or(usize::MAX)));
        reserved.chain(std::iter::repeat(self.first())).take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::admission::{Holder, Occupancy, Request, Verdict, admit};
    use crate::domain::call::Slot;
    use crate::domain::ids::{CallId, PoolId};
    use crate::domain::pool::Pool;
    use crate::sources;

    fn plans(counts: &[(&str, u32)]) -> BTreeMap<String, u32> {
        counts.iter().map(|(plan, count)| ((*plan).to_owned(), *count)).collect()
    }

    fn asking(tenants: &Tenants, count: usize) -> Vec<&str> {
        tenants.spread(count).into_iter().map(|tenant| tenant.business.as_str()).collect()
    }

    fn limits(tenants: &Tenants, most: u32) -> Vec<(&str, u32)> {
        tenants.limits(most).map(|(tenant, limit)| (tenant.business.as_str(), limit)).collect()
    }

    #[test]
    fn without_reserves_one_business_on_the_usual_plan_asks_for_everything() {
        let tenants = Tenants::new("drill", &plans(&[]), &plans(&[("ENTERPRISE", 0), ("PAYG", 0)])).unwrap();
        assert_eq!(
            tenants.all(),
            [Tenant { business: "drill".to_owned(), plan: "ENTERPRISE".to_owned(), reserved: 0 }]
        );
        assert_eq!(asking(&tenants, 3), ["drill", "drill", "drill"]);
        assert_eq!(limits(&tenants, 10), [("drill", 10)]);
    }

    #[test]
    fn where_the_usual_plan_is_not_offered_another_is_taken_and_without_any_plan_there_is_no_business() {
        let tenants = Tenants::new("drill", &plans(&[]), &plans(&[("GOLD", 0)])).unwrap();
        assert_eq!(tenants.all()[0].plan, "GOLD");
        assert_eq!(Tenants::new("drill", &plans(&[]), &plans(&[])), None);
    }

    #[test]
    fn each_plan_with_a_reserve_has_a_business_that_asks_for_what_is_unused_of_it() {
        let held = plans(&[("A", 1), ("B", 0), ("C", 0)]);
        let tenants = Tenants::new("drill", &plans(&[("A", 3), ("B", 1)]), &held).unwrap();
        assert_eq!(asking(&tenants, 5), ["drill-1", "drill-1", "drill-2", "drill-1", "drill-1"]);
        assert_eq!(limits(&tenants, 10), [("drill-1", 10), ("drill-2", 1)]);
        assert!(tenants.own("drill-2") && !tenants.own("drill-3"));
    }

    #[test]
    fn plans_whose_names_differ_in_their_case_only_have_businesses_of_their_own() {
        let held = plans(&[("Gold", 0), ("gold", 0)]);
        let tenants = Tenants::new("drill", &plans(&[("Gold", 1), ("gold", 1)]), &held).unwrap();
        assert_eq!(asking(&tenants, 2), ["drill-1", "drill-2"]);
    }

    proptest! {
        /// The claim of `spread`, by the rule itself.
        #[test]
        fn a_pool_is_full_after_as_many_calls_as_it_has_slots_in_whatever_order(
            order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
            reserves in proptest::collection::btree_map("[A-C]", 1_u32..5, 0..3),
            spare in 0_u32..8,
            twice in proptest::bool::ANY,
        ) {
            let cap = (reserves.values().sum::<u32>() + spare).max(1);
            let pool = Pool {
                id: PoolId::default_pool(),
                cap,
                paused: false,
                reserves: reserves.iter().map(|(plan, reserve)| (plan.parse().unwrap(), *reserve)).collect(),
            };
            let offered = plans(&[("A", 0), ("B", 0), ("C", 0), ("ENTERPRISE", 0)]);
            let tenants = Tenants::new("drill", &reserves, &offered).unwrap();
            let asked = tenants.spread(if twice { 2 * cap as usize } else { cap as usize });
            let mut asked: Vec<_> = asked.into_iter().enumerate().collect();
            asked.sort_by_key(|(index, _)| order[index % order.len()]);
            let mut occupancy = Occupancy::default();
            for (_, tenant) in asked {
                let (_, limit) = tenants.limits(2 * cap).find(|(limited, _)| *limited == tenant).unwrap();
                let request = Request {
                    call_id: CallId::new(sources::new_uuid()),
                    business_id: tenant.business.parse().unwrap(),
                    plan: tenant.plan.parse().unwrap(),
                    business_limit: limit,
                };
                if admit(&occupancy, &pool, &request) == Verdict::Granted {
                    let Request { call_id, business_id, plan, .. } = request;
                    occupancy.put(Holder { call_id, business_id, plan, slot: Slot::Held });
                }
            }
            prop_assert_eq!(occupancy.total().held, cap);
        }
    }
}
