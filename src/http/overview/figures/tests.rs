//! Counts, terms and sales as they are shown.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::business::Subscription;
use crate::domain::ids::PoolId;
use crate::domain::plan::Plan;
use crate::ledger::Counts;

/// What a test knows; it lends it to the figures.
struct Known {
    occupied: Occupied,
    pool: Pool,
    plans: Plans,
    sales: Vec<Sale>,
    callers: HashMap<BusinessId, Business>,
}

impl Known {
    /// A pool of five with two slots reserved for PRO, and two plans.
    fn nothing() -> Self {
        let terms = |limit, reserved| Plan { limit, reserved, max_duration_seconds: None };
        let plans: Plans = [("PRO", terms(Some(3), 2)), ("ENTERPRISE", terms(None, 0))]
            .into_iter()
            .map(|(name, terms)| (name.parse().unwrap(), terms))
            .collect();
        let pool = Pool { id: PoolId::default_pool(), cap: 5, paused: false, reserves: plans.reserves() };
        Self { occupied: Occupied::default(), pool, plans, sales: Vec::new(), callers: HashMap::new() }
    }

    fn calls(mut self, business: &str, plan: &str, held: u32, overflow: u32) -> Self {
        let counts = [
            &mut self.occupied.total,
            self.occupied.plans.entry(plan.parse().unwrap()).or_default(),
            self.occupied.businesses.entry(business.parse().unwrap()).or_default(),
        ];
        for counts in counts {
            *counts = Counts { held: counts.held + held, overflow: counts.overflow + overflow };
        }
        self
    }

    fn business(mut self, id: &str, plan: &str, concurrent_limit: Option<u32>) -> Self {
        let business = Business {
            id: id.parse().unwrap(),
            name: format!("{id} Ltd"),
            plan: plan.parse().unwrap(),
            subscription: Subscription::Active,
            concurrent_limit,
            inbound_enabled: true,
            country: None,
        };
        self.sales.push(Sale { plan: business.plan.clone(), concurrent_limit, businesses: 1 });
        self.callers.insert(business.id.clone(), business);
        self
    }

    fn figures(&self) -> Figures<'_> {
        Figures {
            occupied: Some(&self.occupied),
            pool: &self.pool,
            plans: &self.plans,
            sales: Some(&self.sales),
            callers: Some(&self.callers),
        }
    }

    /// The ledger is being rebuilt, and the database is away.
    fn unknown(&self) -> Figures<'_> {
        Figures { occupied: None, sales: None, callers: None, ..self.figures() }
    }
}

fn plan<'a>(plans: &'a [PlanView], name: &str) -> &'a PlanView {
    plans.iter().find(|plan| plan.plan == name).unwrap()
}

#[test]
fn the_pool_is_as_full_as_its_slots_and_its_overflow_make_it() {
    let known = Known::nothing().calls("a", "PRO", 3, 1);
    let pool = known.figures().pool();
    assert_eq!((pool.held, pool.overflow, pool.available), (Some(3), Some(1), Some(1)));
    assert_eq!(pool.utilization_percent, Some(80.0));

    let known = known.calls("a", "PRO", 2, 1);
    let pool = known.figures().pool();
    assert_eq!((pool.available, pool.utilization_percent), (Some(0), Some(140.0)), "more than the cap is live");
}

#[test]
fn a_plan_shows_what_it_holds_keeps_and_sells() {
    let known = Known::nothing().calls("a", "PRO", 2, 1).business("a", "PRO", None).business("b", "PRO", Some(7));
    let plans = known.figures().plans();
    let pro = PlanView {
        plan: "PRO".to_owned(),
        limit: 3,
        held: Some(2),
        overflow: Some(1),
        reserved: 2,
        businesses: Some(2),
        sold: Some(10),
    };
    assert_eq!(plan(&plans, "PRO"), &pro);
    let enterprise = plan(&plans, "ENTERPRISE");
    assert_eq!((enterprise.limit, enterprise.held, enterprise.sold), (5, Some(0), Some(0)), "its limit is the cap");
}

#[test]
fn plans_that_are_not_configured_are_shown_where_somebody_is_on_them_or_calls() {
    let known = Known::nothing().business("a", "GONE", Some(2)).calls("unassigned", "UNASSIGNED", 1, 0);
    let plans = known.figures().plans();
    let names: Vec<&str> = plans.iter().map(|plan| plan.plan.as_str()).collect();
    assert_eq!(names, ["ENTERPRISE", "GONE", "PRO", "UNASSIGNED"]);
    let gone = plan(&plans, "GONE");
    assert_eq!((gone.limit, gone.businesses, gone.sold), (0, Some(1), Some(2)));
    assert_eq!(plan(&plans, "UNASSIGNED").limit, 5, "only the cap binds them");
}

#[test]
fn a_business_is_at_its_limit_where_it_may_have_no_more_calls() {
    let known = Known::nothing()
        .business("full", "PRO", None)
        .calls("full", "PRO", 3, 0)
        .business("beyond", "PRO", Some(1))
        .calls("beyond", "PRO", 1, 1)
        .business("room", "PRO", None)
        .calls("room", "PRO", 2, 0)
        .business("quiet", "PRO", Some(0))
        .calls("unassigned", "UNASSIGNED", 1, 0);
    let businesses = known.figures().businesses();
    assert_eq!((businesses.with_calls, businesses.at_limit), (Some(4), Some(2)));
    let busiest: Vec<_> = businesses.busiest.iter().map(|business| business.business_id.as_str()).collect();
    assert_eq!(busiest, ["beyond", "full", "room", "unassigned"]);
    let full = &businesses.busiest[1];
    assert_eq!((full.name.as_deref(), full.plan.as_deref()), (Some("full Ltd"), Some("PRO")));
    assert_eq!((full.active, full.limit), (3, Some(3)));
    let nobody = &businesses.busiest[3];
    assert_eq!((&nobody.name, nobody.limit), (&None, None), "nobody registered whose call it is");
}

#[rstest]
#[case::below(4.0, false)]
#[case::above(2.9, true)]
#[case::never(0.0, false)]
fn oversubscription_is_told_with_its_threshold(#[case] threshold: f64, #[case] exceeded: bool) {
    let known = Known::nothing().business("a", "ENTERPRISE", None).business("b", "PRO", Some(10));
    let told = known.figures().oversubscription(Threshold::above(threshold));
    assert_eq!((told.sold, told.cap, told.ratio), (Some(15), 5, Some(3.0)));
    assert_eq!((told.threshold_ratio.to_bits(), told.exceeded), (threshold.to_bits(), Some(exceeded)));
}

#[test]
fn what_is_not_known_is_left_open_and_the_terms_are_told_all_the_same() {
    let known = Known::nothing().calls("a", "PRO", 3, 0).business("a", "PRO", None);
    let figures = known.unknown();
    let pool = figures.pool();
    assert_eq!((pool.cap, pool.held, pool.overflow, pool.available), (5, None, None, None));
    assert_eq!(pool.utilization_percent, None);
    let plans = figures.plans();
    let pro = plan(&plans, "PRO");
    assert_eq!((pro.limit, pro.reserved, pro.held, pro.overflow), (3, 2, None, None));
    assert_eq!((pro.businesses, pro.sold), (None, None));
    let businesses = figures.businesses();
    assert_eq!((businesses.with_calls, businesses.at_limit, businesses.busiest), (None, None, Vec::new()));
    let told = figures.oversubscription(Threshold::above(1.0));
    assert_eq!((told.sold, told.cap, told.ratio, told.exceeded), (None, 5, None, None));
}

#[test]
fn while_only_the_database_is_away_who_calls_is_told_without_names_and_limits() {
    let known = Known::nothing().calls("a", "PRO", 3, 0).calls("b", "PRO", 4, 0);
    let figures = Figures { sales: None, callers: None, ..known.figures() };
    let businesses = figures.businesses();
    assert_eq!((businesses.with_calls, businesses.at_limit), (Some(2), None));
    let busiest: Vec<_> = businesses.busiest.iter().map(|one| (one.business_id.as_str(), one.limit)).collect();
    assert_eq!(busiest, [("b", None), ("a", None)], "the one with more calls first");
}

proptest! {
    /// However many call, at most fifty are named; the first is the fullest, and the counts are those of the ledger.
    #[test]
    fn the_fullest_come_first(calls in prop::collection::vec((1_u32..9, 0_u32..9), 0..80)) {
        let mut known = Known::nothing();
        for (number, (active, limit)) in calls.iter().enumerate() {
            let id = format!("b{number}");
            known = known.business(&id, "PRO", Some(*limit)).calls(&id, "PRO", *active, 0);
        }
        let businesses = known.figures().businesses();
        prop_assert_eq!(businesses.with_calls, Some(calls.len() as u64));
        let full = calls.iter().filter(|(active, limit)| active >= limit).count();
        prop_assert_eq!(businesses.at_limit, Some(full as u64));
        let fullness = |active: u32, limit: u32| f64::from(active) / f64::from(limit);
        let mut fullest: Vec<f64> = calls.iter().map(|(active, limit)| fullness(*active, *limit)).collect();
        fullest.sort_by(|one, other| other.total_cmp(one));
        fullest.truncate(BUSIEST);
        let named: Vec<f64> = businesses.busiest.iter().map(|one| fullness(one.active, one.limit.unwrap())).collect();
        prop_assert_eq!(named, fullest);
    }
}
