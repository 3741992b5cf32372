//! The same days without one of the gate's mechanisms: each time something must break, or the days show nothing.

use crate::world::{Day, Invariant, Sabotage, Telling, live_through};

/// Within so many days it is found.
const DAYS: u64 = 600;

/// On one of the days this breaks without the mechanism, whatever else does on others.
fn breaks(sabotage: Sabotage, expected: &[Invariant]) {
    let found = (0..DAYS).find_map(|seed| {
        let day = Day { seed, hours: 8, sabotage };
        live_through(day, Telling::Nothing).violation.filter(|violation| expected.contains(&violation.invariant))
    });
    match found {
        Some(violation) => println!("{sabotage:?}: {violation}\n"),
        None => panic!("{sabotage:?}: none of these breaks on {DAYS} days: {expected:?}"),
    }
}

#[test]
fn a_release_that_frees_anothers_slot_the_second_time_is_found() {
    breaks(Sabotage::ReleaseTwice, &[Invariant::LedgerCovers]);
}

#[test]
fn i1_a_slot_that_comes_back_although_nobody_knows_whether_it_was_dialled_is_found() {
    breaks(Sabotage::ReleaseOnAmbiguous, &[Invariant::GlobalCap]);
}

#[test]
fn i1_an_admission_that_commits_under_an_old_epoch_is_found() {
    breaks(Sabotage::AnyEpoch, &[Invariant::LedgerCovers, Invariant::CapInTheLog, Invariant::GlobalCap]);
}

#[test]
fn i1_a_task_that_dials_however_long_it_was_stopped_is_found() {
    breaks(Sabotage::DialAnyTime, &[Invariant::GlobalCap]);
}

#[test]
fn i3_a_gate_that_never_sweeps_is_found() {
    breaks(Sabotage::NoSweep, &[Invariant::NoLeak]);
}
