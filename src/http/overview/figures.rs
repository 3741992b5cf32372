//! From what the ledger counts, what was agreed and what was sold to the figures that are shown. Asks nobody.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::super::businesses::percent;
use super::view::{BusinessView, BusinessesView, OversubscriptionView, PlanView, PoolView};
use crate::domain::business::Business;
use crate::domain::ids::{BusinessId, PlanName};
use crate::domain::oversubscription::{Oversubscription, Sale, Threshold};
use crate::domain::plan::Plans;
use crate::domain::pool::Pool;
use crate::ledger::Occupied;

/// Businesses that are named one by one.
const BUSIEST: usize = 50;

/// What is known at one moment; what is none is not known.
pub(in crate::http) struct Figures<'a> {
    /// What the ledger counts.
    pub(in crate::http) occupied: Option<&'a Occupied>,
    /// The terms of the pool.
    pub(in crate::http) pool: &'a Pool,
    /// The plans on offer.
    pub(in crate::http) plans: &'a Plans,
    /// What was sold.
    pub(in crate::http) sales: Option<&'a [Sale]>,
    /// The businesses that have calls, as far as they are registered.
    pub(in crate::http) callers: Option<&'a HashMap<BusinessId, Business>>,
}

impl Figures<'_> {
    pub(super) fn pool(&self) -> PoolView {
        let total = self.occupied.map(|occupied| occupied.total);
        PoolView {
            pool: self.pool.id.to_string(),
            cap: self.pool.cap,
            paused: self.pool.paused,
            held: total.map(|total| total.held),
            overflow: total.map(|total| total.overflow),
            available: total.map(|total| self.pool.cap.saturating_sub(total.taken())),
            utilization_percent: total.map(|total| percent(total.taken(), self.pool.cap)),
        }
    }

    pub(super) fn plans(&self) -> Vec<PlanView> {
        let sold = self.sold();
        let configured = self.plans.iter().map(|(name, _)| name);
        let bought = sold.iter().flat_map(|sold| sold.plans().keys());
        let calling = self.occupied.into_iter().flat_map(|occupied| occupied.plans.keys());
        let names: BTreeSet<&PlanName> = configured.chain(bought).chain(calling).collect();
        let view = |name: &PlanName| {
            let counts = self.occupied.map(|occupied| occupied.plans.get(name).copied().unwrap_or_default());
            let sold = sold.as_ref().map(|sold| sold.plans().get(name).copied().unwrap_or_default());
            PlanView {
                plan: name.to_string(),
                // Calls of agents that nobody registered are bound by the cap alone.
                limit: if *name == PlanName::unassigned() {
                    self.pool.cap
                } else {
                    self.plans.limit(name, None, self.pool.cap)
                },
                held: counts.map(|counts| counts.held),
                overflow: counts.map(|counts| counts.overflow),
                reserved: self.pool.reserves.get(name).copied().unwrap_or_default(),
                businesses: sold.map(|sold| sold.businesses),
                sold: sold.map(|sold| sold.slots),
            }
        };
        names.into_iter().map(view).collect()
    }

    pub(super) fn businesses(&self) -> BusinessesView {
        let mut busiest: Vec<BusinessView> = self.active().map(|(id, active)| self.business(id, active)).collect();
        busiest.sort_by(fullest_first);
        busiest.truncate(BUSIEST);
        BusinessesView {
            with_calls: self.occupied.map(|_| self.active().count() as u64),
            at_limit: self.at_limit(),
            busiest,
        }
    }

    /// How many businesses have as many calls as they may, or more.
    pub(in crate::http) fn at_limit(&self) -> Option<u64> {
        let (_, callers) = (self.occupied?, self.callers?);
        let is_full = |(id, active): &(&BusinessId, u32)| {
            callers.get(*id).is_some_and(|business| *active >= business.limit(self.plans, self.pool.cap))
        };
        Some(self.active().filter(is_full).count() as u64)
    }

    /// What was sold.
    pub(in crate::http) fn sold(&self) -> Option<Oversubscription> {
        Some(Oversubscription::of(self.sales?, self.plans, self.pool.cap))
    }

    pub(in crate::http) fn oversubscription(&self, threshold: Threshold) -> OversubscriptionView {
        let sold = self.sold();
        let sold = sold.as_ref();
        OversubscriptionView {
            sold: sold.map(Oversubscription::sold),
            cap: self.pool.cap,
            ratio: sold.map(|sold| two_decimals(sold.ratio())),
            threshold_ratio: threshold.ratio(),
            exceeded: sold.map(|sold| threshold.is_exceeded_by(sold)),
        }
    }

    /// The businesses with live calls, and how many each has.
    fn active(&self) -> impl Iterator<Item = (&BusinessId, u32)> {
        let businesses = self.occupied.into_iter().flat_map(|occupied| &occupied.businesses);
        businesses.map(|(id, counts)| (id, counts.taken())).filter(|(_, active)| *active > 0)
    }

    fn business(&self, id: &BusinessId, active: u32) -> BusinessView {
        let business = self.callers.and_then(|callers| callers.get(id));
        BusinessView {
            business_id: id.to_string(),
            name: business.map(|business| business.name.clone()),
            plan: business.map(|business| business.plan.to_string()),
            active,
            limit: business.map(|business| business.limit(self.plans, self.pool.cap)),
        }
    }
}

/// A ratio as it is shown.
pub(in crate::http) fn two_decimals(ratio: f64) -> f64 {
    (ratio * 100.0).round() / 100.0
}

/// The fullest first; of those whose limit is not known, which come last, and of equals the one with more calls.
fn fullest_first(one: &BusinessView, other: &BusinessView) -> Ordering {
    let fuller = match (one.limit, other.limit) {
        // As fractions, multiplied out: a limit may be 0.
        (Some(limit), Some(others)) => {
            (u64::from(other.active) * u64::from(limit)).cmp(&(u64::from(one.active) * u64::from(others)))
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    fuller.then_with(|| other.active.cmp(&one.active)).then_with(|| one.business_id.cmp(&other.business_id))
}

#[cfg(test)]
mod tests;
