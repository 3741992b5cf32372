//! Days on which nothing may break.

use crate::world::{Day, Sabotage, Tally, Telling, live_through};

/// So many short days are lived through each time.
const DAYS: u64 = 600;
/// So long is each.
const HOURS: u64 = 4;

fn day(seed: u64) -> Day {
    Day { seed, hours: HOURS, sabotage: Sabotage::Nothing }
}

#[test]
fn i1_i2_i3_i4_i5_i6_hold_on_every_day_whatever_goes_wrong() {
    let mut tally = Tally::default();
    for seed in 0..DAYS {
        let outcome = live_through(day(seed), Telling::Nothing);
        if let Some(violation) = outcome.violation {
            panic!("{violation}");
        }
        tally.add(&outcome.tally);
    }
    println!("{DAYS} days of {HOURS} hours: {tally:?}");
    assert!(tally.refused > 1_000, "the gate is full often enough to be tempted");
    assert!(tally.crashes > 100 && tally.rebuilds > 100 && tally.doubts > 100, "enough goes wrong");
    for reason in ["slot_orphaned", "db_missing", "redis_missing", "provider_ended", "provider_missing", "unmanaged"] {
        assert!(tally.corrections.contains_key(reason), "no sweep ever had to correct: {reason}");
    }
    for rare in ["AdmissionAbandoned", "CallRevived", "HangUpStalled", "stale admission", "dial too late", "early end"]
    {
        assert!(tally.rare.contains_key(rare), "it never came to this: {rare}");
    }
}

#[test]
fn the_same_seed_gives_the_same_day_and_another_seed_another() {
    for seed in 0..20 {
        let (once, again) = (live_through(day(seed), Telling::Nothing), live_through(day(seed), Telling::TheLast));
        assert_eq!((once.hash, once.tally), (again.hash, again.tally), "seed {seed}");
        assert_ne!(once.hash, live_through(day(seed + 1_000), Telling::Nothing).hash, "seed {seed}");
    }
}
