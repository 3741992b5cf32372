//! Who holds what, and the counts of it. Counts change only together with holders.

use std::collections::{BTreeMap, HashMap};

use crate::domain::call::{Record, Slot, SlotState};
use crate::domain::ids::{BusinessId, CallId, PlanName};

/// A call that holds a slot, or counts as overflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The call.
    pub call_id: CallId,
    /// Whose it is.
    pub business_id: BusinessId,
    /// On which plan.
    pub plan: PlanName,
    /// What it holds.
    pub slot: Slot,
}

impl Holder {
    /// What a call holds by its record; none where it holds nothing.
    pub fn of(call_id: CallId, record: &Record) -> Option<Self> {
        let slot = match record.slot {
            SlotState::Held => Slot::Held,
            SlotState::Overflow => Slot::Overflow,
            SlotState::None | SlotState::Released => return None,
        };
        let profile = record.profile.as_ref()?;
        Some(Self { call_id, business_id: profile.business_id.clone(), plan: profile.plan.clone(), slot })
    }
}

/// Slots and overflow of one group: the pool, a plan or a business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Slots held.
    pub held: u32,
    /// Live calls without a slot.
    pub overflow: u32,
}

impl Counts {
    /// Places that are taken at the provider.
    pub fn taken(self) -> u32 {
        self.held + self.overflow
    }

    fn of(&mut self, slot: Slot) -> &mut u32 {
        match slot {
            Slot::Held => &mut self.held,
            Slot::Overflow => &mut self.overflow,
        }
    }

    fn is_zero(self) -> bool {
        self.taken() == 0
    }
}

/// All holders of a pool with their counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    holders: HashMap<CallId, Holder>,
    total: Counts,
    plans: BTreeMap<PlanName, Counts>,
    businesses: HashMap<BusinessId, Counts>,
}

impl Occupancy {
    /// What the call holds.
    pub fn holder(&self, call_id: CallId) -> Option<&Holder> {
        self.holders.get(&call_id)
    }

    /// Everybody who holds something, in no order.
    pub fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.holders.values()
    }

    /// The whole pool.
    pub fn total(&self) -> Counts {
        self.total
    }

    /// One plan.
    pub fn plan(&self, plan: &PlanName) -> Counts {
        self.plans.get(plan).copied().unwrap_or_default()
    }

    /// One business.
    pub fn business(&self, business: &BusinessId) -> Counts {
        self.businesses.get(business).copied().unwrap_or_default()
    }

    /// Every plan with something taken.
    pub fn plans(&self) -> &BTreeMap<PlanName, Counts> {
        &self.plans
    }

    /// Every business with something taken.
    pub fn businesses(&self) -> &HashMap<BusinessId, Counts> {
        &self.businesses
    }

    /// Puts a holder in, in the place of what the call held before.
    pub fn put(&mut self, holder: Holder) {
        self.remove(holder.call_id);
        *self.total.of(holder.slot) += 1;
        *self.plans.entry(holder.plan.clone()).or_default().of(holder.slot) += 1;
        *self.businesses.entry(holder.business_id.clone()).or_default().of(holder.slot) += 1;
        self.holders.insert(holder.call_id, holder);
    }

    /// Takes the call out; true where it held something.
    pub fn remove(&mut self, call_id: CallId) -> bool {
        let Some(holder) = self.holders.remove(&call_id) else { return false };
        *self.total.of(holder.slot) -= 1;
        if let Some(counts) = self.plans.get_mut(&holder.plan) {
            *counts.of(holder.slot) -= 1;
        }
        if let Some(counts) = self.businesses.get_mut(&holder.business_id) {
            *counts.of(holder.slot) -= 1;
            if counts.is_zero() {
                self.businesses.remove(&holder.business_id);
            }
        }
        self.plans.retain(|_, counts| !counts.is_zero());
        true
    }
}

impl FromIterator<Holder> for Occupancy {
    fn from_iter<I: IntoIterator<Item = Holder>>(holders: I) -> Self {
        let mut occupancy = Self::default();
        holders.into_iter().for_each(|holder| occupancy.put(holder));
        occupancy
    }
}
