//! More slots are sold than there are, because not everybody calls at once. How many more, and whether that is too many.
//!
//! What is sold to a business is its limit, however small the pool is; that it never gets more than the cap is another
//! matter. Who knows the businesses is not told here.

use std::collections::BTreeMap;

use super::ids::PlanName;
use super::plan::Plans;

/// Businesses that may call, and were sold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Their plan.
    pub plan: PlanName,
    /// The limit of their own, in the place of the plan's.
    pub concurrent_limit: Option<u32>,
    /// How many they are.
    pub businesses: u64,
}

/// What was sold on one plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sold {
    /// To so many businesses.
    pub businesses: u64,
    /// The sum of their limits.
    pub slots: u64,
}

/// What was sold, against what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oversubscription {
    cap: u32,
    plans: BTreeMap<PlanName, Sold>,
}

impl Oversubscription {
    /// What `sales` on these plans come to in a pool of that cap. Plans on which nothing was sold are there with zero.
    pub fn of<'a>(sales: impl IntoIterator<Item = &'a Sale>, plans: &Plans, cap: u32) -> Self {
        let mut sold: BTreeMap<PlanName, Sold> =
            plans.iter().map(|(name, _)| (name.clone(), Sold::default())).collect();
        for Sale { plan, concurrent_limit, businesses } in sales {
            let limit = plans.limit(plan, *concurrent_limit, cap);
            let of_plan = sold.entry(plan.clone()).or_default();
            of_plan.businesses = of_plan.businesses.saturating_add(*businesses);
            of_plan.slots = of_plan.slots.saturating_add(businesses.saturating_mul(limit.into()));
        }
        Self { cap, plans: sold }
    }

    /// The slots that there are.
    pub fn cap(&self) -> u32 {
        self.cap
    }

    /// Every plan that is configured, or on which somebody is.
    pub fn plans(&self) -> &BTreeMap<PlanName, Sold> {
        &self.plans
    }

    /// The slots that all businesses which may call could ask for together.
    pub fn sold(&self) -> u64 {
        self.plans.values().fold(0, |sum, sold| sum.saturating_add(sold.slots))
    }

    /// How many times each slot was sold; 0 where there is no cap.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people; nobody sells 2^52 slots")]
    pub fn ratio(&self) -> f64 {
        if self.cap == 0 { 0.0 } else { self.sold() as f64 / f64::from(self.cap) }
    }
}

/// The ratio above which somebody is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold(f64);

impl Threshold {
    /// Above that ratio; 0: never.
    pub fn above(ratio: f64) -> Self {
        Self(ratio)
    }

    /// The ratio; 0: never.
    pub fn ratio(self) -> f64 {
        self.0
    }

    /// Whether more was sold than that.
    pub fn is_exceeded_by(self, sold: &Oversubscription) -> bool {
        self.0 > 0.0 && sold.ratio() > self.0
    }
}

/// That the threshold was crossed is news once, in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alarm {
    /// No more was sold than the threshold allows, as far as is known.
    #[default]
    Silent,
    /// More was.
    Raised,
}

/// What has changed since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// More is sold than the threshold allows.
    Upwards,
    /// No longer.
    Downwards,
}

impl Alarm {
    /// Takes in what is sold now.
    pub fn heed(&mut self, threshold: Threshold, sold: &Oversubscription) -> Option<Crossing> {
        let (next, crossing) = if threshold.is_exceeded_by(sold) {
            (Self::Raised, Crossing::Upwards)
        } else {
            (Self::Silent, Crossing::Downwards)
        };
        (std::mem::replace(self, next) != next).then_some(crossing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Plan;
    use proptest::prelude::*;
    use rstest::rstest;

    const CAP: u32 = 5;

    fn name(plan: &str) -> PlanName {
        plan.parse().unwrap()
    }

    fn plans() -> Plans {
        let terms = |limit| Plan { limit, reserved: 0, max_duration_seconds: None };
        [(name("PRO"), terms(Some(3))), (name("ENTERPRISE"), terms(None))].into_iter().collect()
    }

    fn sale(plan: &str, concurrent_limit: Option<u32>, businesses: u64) -> Sale {
        Sale { plan: name(plan), concurrent_limit, businesses }
    }

    fn slots(sales: &[Sale]) -> u64 {
        Oversubscription::of(sales, &plans(), CAP).sold()
    }

    #[rstest]
    #[case::nothing(&[], 0)]
    #[case::the_plans_limit_for_each_business(&[sale("PRO", None, 3)], 9)]
    #[case::a_plan_without_a_limit_sells_the_cap(&[sale("ENTERPRISE", None, 2)], 10)]
    #[case::a_limit_of_its_own_is_what_was_sold(&[sale("PRO", Some(4), 1)], 4)]
    #[case::and_is_not_cut_to_the_cap(&[sale("PRO", Some(40), 2)], 80)]
    #[case::who_is_switched_off_bought_nothing(&[sale("PRO", Some(0), 7)], 0)]
    #[case::a_plan_that_is_gone_sells_nothing(&[sale("GONE", None, 7)], 0)]
    #[case::but_a_limit_of_its_own_does(&[sale("GONE", Some(2), 7)], 14)]
    #[case::all_together(&[sale("PRO", None, 3), sale("PRO", Some(1), 1), sale("ENTERPRISE", None, 1)], 15)]
    fn what_was_sold_is_the_sum_of_the_limits(#[case] sales: &[Sale], #[case] sold: u64) {
        assert_eq!(slots(sales), sold);
    }

    #[test]
    fn each_plan_is_told_by_itself_also_one_on_which_nobody_is() {
        let sales = [sale("PRO", None, 3), sale("PRO", Some(1), 1), sale("GONE", Some(2), 2)];
        let sold = Oversubscription::of(&sales, &plans(), CAP);
        let of_plan = |plan: &str| sold.plans()[&name(plan)];
        assert_eq!(of_plan("PRO"), Sold { businesses: 4, slots: 10 });
        assert_eq!(of_plan("GONE"), Sold { businesses: 2, slots: 4 });
        assert_eq!(of_plan("ENTERPRISE"), Sold::default());
    }

    #[rstest]
    #[case::below(4, 3.0, false)]
    #[case::on_it(5, 3.0, false)]
    #[case::above(6, 3.0, true)]
    #[case::a_fraction(5, 2.5, true)]
    #[case::never(60, 0.0, false)]
    fn the_threshold_is_exceeded_above_its_ratio(
        #[case] businesses: u64,
        #[case] threshold: f64,
        #[case] exceeded: bool,
    ) {
        let sold = Oversubscription::of(&[sale("PRO", None, businesses)], &plans(), CAP);
        assert_eq!(Threshold::above(threshold).is_exceeded_by(&sold), exceeded, "{}", sold.ratio());
    }

    #[test]
    fn without_a_cap_there_is_no_ratio() {
        let sold = Oversubscription::of(&[sale("PRO", None, 3)], &plans(), 0);
        assert!(sold.ratio().abs() < f64::EPSILON);
        assert!(!Threshold::above(1.0).is_exceeded_by(&sold));
    }

    #[test]
    fn a_crossing_is_told_once_in_either_direction() {
        let mut alarm = Alarm::default();
        let mut heed = |businesses| {
            let sold = Oversubscription::of(&[sale("PRO", None, businesses)], &plans(), CAP);
            alarm.heed(Threshold::above(3.0), &sold)
        };
        assert_eq!(
            [1, 6, 7, 5, 5, 6].map(&mut heed),
            [None, Some(Crossing::Upwards), None, Some(Crossing::Downwards), None, Some(Crossing::Upwards)]
        );
    }

    fn any_sale() -> impl Strategy<Value = Sale> {
        (prop::sample::select(vec!["PRO", "ENTERPRISE", "GONE"]), prop::option::of(0..2_000_u32), 0..1_000_u64)
            .prop_map(|(plan, limit, businesses)| sale(plan, limit, businesses))
    }

    proptest! {
        /// What is sold does not depend on the order in which it is told, nor on how businesses are grouped.
        #[test]
        fn sales_add_up_however_they_are_told(sales in prop::collection::vec(any_sale(), 0..12)) {
            let whole = Oversubscription::of(&sales, &plans(), CAP);
            let backwards = Oversubscription::of(sales.iter().rev(), &plans(), CAP);
            let one_by_one: Vec<Sale> = sales
                .iter()
                .flat_map(|one| std::iter::repeat_n(Sale { businesses: 1, ..one.clone() }, usize::try_from(one.businesses).unwrap()))
                .collect();
            prop_assert_eq!(&whole, &backwards);
            prop_assert_eq!(whole.sold(), slots(&one_by_one));
            prop_assert_eq!(whole.sold(), sales.iter().map(|one| slots(std::slice::from_ref(one))).sum::<u64>());
        }

        /// One more business never makes it less, and a larger cap never makes the ratio of fixed limits larger.
        #[test]
        fn more_businesses_sell_no_less(sales in prop::collection::vec(any_sale(), 0..12), more in any_sale()) {
            let before = Oversubscription::of(&sales, &plans(), CAP);
            let after = Oversubscription::of(sales.iter().chain([&more]), &plans(), CAP);
            prop_assert!(after.sold() >= before.sold() && after.ratio() >= before.ratio());
            let fixed: Vec<Sale> = sales.into_iter().filter(|one| one.concurrent_limit.is_some()).collect();
            let [small, large] = [CAP, CAP * 2].map(|cap| Oversubscription::of(&fixed, &plans(), cap));
            prop_assert_eq!(small.sold(), large.sold());
            prop_assert!(large.ratio() <= small.ratio());
        }

        /// Only crossings are told, so they alternate, and the first is upwards.
        #[test]
        fn crossings_alternate(looks in prop::collection::vec(0..12_u64, 0..40)) {
            let mut alarm = Alarm::default();
            let crossings: Vec<Crossing> = looks
                .into_iter()
                .filter_map(|businesses| {
                    let sold = Oversubscription::of(&[sale("PRO", None, businesses)], &plans(), CAP);
                    alarm.heed(Threshold::above(3.0), &sold)
                })
                .collect();
            prop_assert!(crossings.first().is_none_or(|first| *first == Crossing::Upwards));
            prop_assert!(crossings.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
