//! The protocol without one of its mechanisms: each time something breaks. A model that cannot fail proves nothing.

use crate::bounds::{Bounds, Fault, Mechanism};
use crate::checking::{breaks, holds, keeps};
use crate::names::Node;
use crate::properties::{DURABLE_FIRST, GLOBAL_CAP, LEDGER_COVERS, LOG_CAP, NO_LEAK, OVERFLOW_COUNTS};

#[test]
fn i1_breaks_where_an_admission_commits_under_any_epoch() {
    let bounds = Bounds::new("no epoch at commit").faults(1, &[Fault::RestartEmpty]);
    breaks(bounds.without(&[Mechanism::EpochAtCommit]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_the_epoch_moves_between_the_look_and_the_write() {
    let bounds = Bounds::new("no epoch lock").faults(1, &[Fault::RestartEmpty]);
    breaks(bounds.without(&[Mechanism::EpochLock]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_the_rows_are_read_before_the_epoch_moves() {
    let bounds = Bounds::new("rows before epoch").faults(1, &[Fault::RestartEmpty]);
    breaks(bounds.without(&[Mechanism::RowsAfterEpoch]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_restart_with_old_keys_goes_unnoticed() {
    let bounds = Bounds::new("no run_id").faults(1, &[Fault::RestartOld]);
    breaks(bounds.without(&[Mechanism::RunId]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_server_that_was_demoted_and_promoted_goes_unnoticed() {
    let bounds = Bounds::new("no master_replid").faults(1, &[Fault::RoleReturns]);
    breaks(bounds.without(&[Mechanism::ReplId]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_batch_is_carried_out_under_any_epoch() {
    let bounds = Bounds::new("no epoch in batches").faults(1, &[Fault::NeedlessRebuild]);
    breaks(bounds.without(&[Mechanism::EpochInBatch]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_an_attempt_gives_back_the_slot_of_another() {
    let bounds = Bounds::new("no lease identity").asks([1, 0, 0], [1, 1, 0]).faults(1, &[Fault::BatchLost]);
    breaks(bounds.without(&[Mechanism::LeaseIdentity]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_an_attempt_goes_on_with_the_slot_of_another() {
    let bounds = Bounds::new("held taken for granted").asks([1, 0, 0], [1, 1, 0]);
    breaks(bounds.without(&[Mechanism::HeldIsNoLease]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_doubt_fails_the_admission_of_another_replica() {
    let bounds = Bounds::new("any admission is failed").asks([1, 0, 0], [1, 1, 0]);
    let bounds = bounds.faults(2, &[Fault::CommitInDoubt, Fault::RestartEmpty]);
    breaks(bounds.without(&[Mechanism::OwnAdmission]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_task_dials_after_any_pause() {
    breaks(Bounds::new("no dial window").without(&[Mechanism::DialWindow]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_the_database_counts_in_one_transaction_and_inserts_in_another() {
    let bounds = Bounds::new("no lock in the database ledger").faults(1, &[Fault::RedisAway]);
    breaks(bounds.without(&[Mechanism::LedgerLock]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_an_incomplete_staging_is_renamed() {
    let bounds = Bounds::new("staging not counted").faults(2, &[Fault::RestartEmpty]);
    breaks(bounds.without(&[Mechanism::StagedCount]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_where_a_rename_is_sent_again_to_another_server() {
    let bounds = Bounds { new_redis: true, ..Bounds::new("rename twice") };
    let bounds = bounds.faults(2, &[Fault::SplitBrain, Fault::BatchLost]);
    breaks(bounds.without(&[Mechanism::RenameOnce]), GLOBAL_CAP);
}

#[test]
fn i1_breaks_in_the_log_where_a_slot_is_given_back_before_the_doubt_is_settled() {
    let bounds = Bounds::new("no abandon").faults(1, &[Fault::CommitInDoubt]);
    breaks(bounds.without(&[Mechanism::AbandonBeforeRelease]), LOG_CAP);
    breaks(bounds.without(&[Mechanism::AbandonBeforeRelease]), LEDGER_COVERS);
    // At the provider it holds even so: nobody dials for an admission in doubt.
    keeps(bounds.without(&[Mechanism::AbandonBeforeRelease]), GLOBAL_CAP);
}

#[test]
fn i5_breaks_where_somebody_dials_who_has_not_seen_the_commit() {
    let bounds = Bounds::new("doubt dials").faults(1, &[Fault::CommitInDoubt]);
    breaks(bounds.without(&[Mechanism::OnlyCommitterDials]), DURABLE_FIRST);
}

#[test]
fn overflow_is_forgotten_where_a_late_release_is_not_told_from_a_new_one() {
    let bounds = Bounds { revivals: true, keepers: &Node::ALL, ..Bounds::new("no as_of") };
    breaks(bounds.without(&[Mechanism::AsOf]), OVERFLOW_COUNTS);
}

#[test]
fn i3_breaks_where_nobody_abandons_what_a_dead_replica_leased() {
    let bounds = Bounds::new("no sweep of rowless holders").faults(1, &[Fault::Crash]);
    breaks(bounds.without(&[Mechanism::SweepRowless]), NO_LEAK);
}

#[test]
fn i3_breaks_where_nobody_releases_what_is_over() {
    let bounds = Bounds::new("no sweep of orphans").faults(1, &[Fault::Crash]);
    breaks(bounds.without(&[Mechanism::SweepOver]), NO_LEAK);
}

#[test]
fn i3_waits_for_the_sweep_where_a_batch_that_timed_out_is_carried_out_late() {
    let bounds = Bounds::new("no sweep of rowless holders, lost answers").faults(2, &[Fault::BatchLost]);
    holds(bounds.without(&[Mechanism::SweepRowless]));
    let bounds = Bounds { name: "no batch numbers", ..bounds };
    breaks(bounds.without(&[Mechanism::SweepRowless, Mechanism::BatchNumbers]), NO_LEAK);
}

#[test]
fn a_rename_of_an_older_epoch_breaks_nothing_because_its_leases_cannot_commit() {
    let bounds = Bounds { new_redis: true, ..Bounds::new("older renames") };
    let bounds = bounds.faults(1, &[Fault::NeedlessRebuild, Fault::BatchLost]);
    holds(bounds.without(&[Mechanism::RenameNewer]));
}
