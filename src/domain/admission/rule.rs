//! The admission rule. The order of its checks is part of it.

use std::fmt;

use super::occupancy::Occupancy;
use crate::domain::ids::{BusinessId, CallId, PlanName};
use crate::domain::pool::Pool;
use crate::domain::retry_after::Wait;

/// Somebody asks for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// For this call.
    pub call_id: CallId,
    /// Of this business.
    pub business_id: BusinessId,
    /// On this plan.
    pub plan: PlanName,
    /// Which may have this many at once; `u32::MAX`: as many as the pool's cap.
    pub business_limit: u32,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call has a slot already; nothing changes.
    Held,
    /// It may have one.
    Granted,
    /// It may not.
    Rejected(Rejection),
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// An operator paused the pool.
    PoolPaused,
    /// As many calls are live as the provider allows.
    GlobalCapacity,
    /// The business has all that it may have.
    BusinessLimit,
    /// What is free is reserved for other plans.
    PlanReserved,
}

impl Rejection {
    /// Whether there would be a slot if some call were over.
    pub fn is_for_want_of_a_slot(self) -> bool {
        self != Self::PoolPaused
    }

    /// The error code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::PoolPaused => "POOL_PAUSED",
            Self::GlobalCapacity => "GLOBAL_CAPACITY_EXCEEDED",
            Self::BusinessLimit => "BUSINESS_LIMIT",
            Self::PlanReserved => "PLAN_CAPACITY_RESERVED",
        }
    }

    /// Which wait applies.
    pub fn wait(self) -> Wait {
        match self {
            Self::PoolPaused => Wait::Other,
            Self::GlobalCapacity | Self::PlanReserved => Wait::Global,
            Self::BusinessLimit => Wait::Business,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PoolPaused => "new calls are paused by an operator",
            Self::GlobalCapacity => "all slots are taken",
            Self::BusinessLimit => "the business has as many calls as it may have at once",
            Self::PlanReserved => "the free slots are reserved for other plans",
        })
    }
}

/// Whether `request` may have a slot of `pool`, given what is taken.
pub fn admit(occupancy: &Occupancy, pool: &Pool, request: &Request) -> Verdict {
    if occupancy.holder(request.call_id).is_some() {
        return Verdict::Held;
    }
    if pool.paused {
        return Verdict::Rejected(Rejection::PoolPaused);
    }
    let taken = occupancy.total().taken();
    if taken >= pool.cap {
        return Verdict::Rejected(Rejection::GlobalCapacity);
    }
    if occupancy.business(&request.business_id).taken() >= request.business_limit {
        return Verdict::Rejected(Rejection::BusinessLimit);
    }
    let unused = |plan: &PlanName, reserved: u32| reserved.saturating_sub(occupancy.plan(plan).held);
    let own_reserve = pool.reserves.get(&request.plan).copied().unwrap_or_default();
    let reserved_for_others: u32 = pool
        .reserves
        .iter()
        .filter(|(plan, _)| **plan != request.plan)
        .map(|(plan, reserved)| unused(plan, *reserved))
        .sum();
    if pool.cap - taken <= reserved_for_others && unused(&request.plan, own_reserve) == 0 {
        return Verdict::Rejected(Rejection::PlanReserved);
    }
    Verdict::Granted
}

#[cfg(test)]
mod tests {
    use super::super::occupancy::Holder;
    use super::*;
    use crate::domain::call::Slot;
    use crate::domain::ids::PoolId;
    use proptest::prelude::*;
    use rstest::rstest;
    use uuid::Uuid;

    fn pool(cap: u32, reserves: &[(&str, u32)]) -> Pool {
        let reserves = reserves.iter().map(|(plan, n)| (plan.parse().unwrap(), *n)).collect();
        Pool { id: PoolId::default_pool(), cap, paused: false, reserves }
    }

    fn request(call: u128, business: &str, plan: &str, limit: u32) -> Request {
        Request {
            call_id: CallId::new(Uuid::from_u128(call)),
            business_id: business.parse().unwrap(),
            plan: plan.parse().unwrap(),
            business_limit: limit,
        }
    }

    fn taken(holders: &[(&str, &str, Slot, u32)]) -> Occupancy {
        let mut call = 1000;
        holders
            .iter()
            .flat_map(|(business, plan, slot, n)| std::iter::repeat_n((*business, *plan, *slot), *n as usize))
            .map(|(business, plan, slot)| {
                call += 1;
                let Request { call_id, business_id, plan, .. } = request(call, business, plan, 0);
                Holder { call_id, business_id, plan, slot }
            })
            .collect()
    }

    #[rstest]
    #[case::empty(&[], Verdict::Granted)]
    #[case::full(&[("b", "PRO", Slot::Held, 5)], Verdict::Rejected(Rejection::GlobalCapacity))]
    #[case::full_with_overflow(&[("b", "PRO", Slot::Held, 3), ("c", "PRO", Slot::Overflow, 2)], Verdict::Rejected(Rejection::GlobalCapacity))]
    #[case::over_the_cap(&[("b", "PRO", Slot::Held, 9)], Verdict::Rejected(Rejection::GlobalCapacity))]
    #[case::business_full(&[("a", "PRO", Slot::Held, 2)], Verdict::Rejected(Rejection::BusinessLimit))]
    #[case::business_full_with_overflow(&[("a", "PRO", Slot::Held, 1), ("a", "PRO", Slot::Overflow, 1)], Verdict::Rejected(Rejection::BusinessLimit))]
    fn a_slot_is_given_while_pool_and_business_have_room(
        #[case] holders: &[(&str, &str, Slot, u32)],
        #[case] verdict: Verdict,
    ) {
        assert_eq!(admit(&taken(holders), &pool(5, &[]), &request(1, "a", "PRO", 2)), verdict);
    }

    #[rstest]
    #[case::last_free_is_anothers(&[("b", "PAYG", Slot::Held, 3)], "PAYG", Verdict::Rejected(Rejection::PlanReserved))]
    #[case::own_reserve_is_open(&[("b", "PAYG", Slot::Held, 3)], "PRO", Verdict::Granted)]
    #[case::reserve_in_use_frees_the_rest(&[("b", "PRO", Slot::Held, 2)], "PAYG", Verdict::Granted)]
    #[case::own_reserve_used_up_competes(&[("b", "PRO", Slot::Held, 2), ("c", "PAYG", Slot::Held, 2)], "PRO", Verdict::Granted)]
    fn reserves_are_kept_for_their_plan(
        #[case] holders: &[(&str, &str, Slot, u32)],
        #[case] plan: &str,
        #[case] verdict: Verdict,
    ) {
        assert_eq!(admit(&taken(holders), &pool(5, &[("PRO", 2)]), &request(1, "a", plan, 9)), verdict);
    }

    #[test]
    fn the_checks_come_in_order() {
        let mut paused = pool(5, &[]);
        paused.paused = true;
        let full = taken(&[("a", "PRO", Slot::Held, 5)]);
        let holder = full.holders().next().unwrap().call_id;
        let mut asked = request(1, "a", "PRO", 0);
        assert_eq!(admit(&full, &paused, &asked), Verdict::Rejected(Rejection::PoolPaused));
        assert_eq!(admit(&full, &pool(5, &[]), &asked), Verdict::Rejected(Rejection::GlobalCapacity));
        assert_eq!(admit(&full, &pool(6, &[("X", 9)]), &asked), Verdict::Rejected(Rejection::BusinessLimit));
        asked.call_id = holder;
        assert_eq!(admit(&full, &paused, &asked), Verdict::Held);
    }

    proptest! {
        /// i1: whatever is asked, in any order, the rule fills the cap and never passes it.
        #[test]
        fn i1_i2_grants_never_pass_the_cap_nor_a_limit(
            cap in 0u32..12,
            limit in 0u32..6,
            reserve in 0u32..4,
            asks in prop::collection::vec((0u128..40, 0u8..4, 0u8..3, any::<bool>()), 0..120),
        ) {
            let pool = pool(cap, &[("P0", reserve)]);
            let mut occupancy = Occupancy::default();
            for (call, business, plan, leave) in asks {
                let asked = request(call, &format!("b{business}"), &format!("P{plan}"), limit);
                if leave {
                    occupancy.remove(asked.call_id);
                } else if admit(&occupancy, &pool, &asked) == Verdict::Granted {
                    let Request { call_id, business_id, plan, .. } = asked;
                    occupancy.put(Holder { call_id, business_id, plan, slot: Slot::Held });
                }
                prop_assert!(occupancy.total().held <= cap);
                prop_assert!(occupancy.businesses().values().all(|counts| counts.held <= limit));
                prop_assert_eq!(occupancy.plans().values().map(|c| c.held).sum::<u32>(), occupancy.total().held);
                prop_assert_eq!(occupancy.businesses().values().map(|c| c.held).sum::<u32>(), occupancy.total().held);
                prop_assert_eq!(occupancy.holders().count() as u64, u64::from(occupancy.total().held));
                let others = occupancy.total().held - occupancy.plan(&"P0".parse().unwrap()).held;
                prop_assert!(others <= cap.saturating_sub(reserve) || reserve > cap);
            }
        }
    }
}
