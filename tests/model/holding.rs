//! The protocol as it is: nothing breaks. Each test looks at one kind of trouble; together they take about a minute.

use crate::bounds::{Bounds, Fault};
use crate::checking::holds;
use crate::names::Node;

/// Both replicas are asked for both calls.
const ALL: [[u8; 3]; 2] = [[1, 1, 0], [1, 1, 0]];
/// Both are asked for one call: its client repeats the request elsewhere. One is asked for another call.
const SHARED: [[u8; 3]; 2] = [[1, 0, 0], [1, 1, 0]];

#[test]
fn where_nothing_goes_wrong() {
    holds(Bounds { asks: ALL, keepers: &Node::ALL, ..Bounds::new("nothing goes wrong") });
}

#[test]
fn where_replicas_die_and_answers_are_lost() {
    let faults = &[Fault::Crash, Fault::CommitInDoubt, Fault::BatchLost];
    holds(Bounds { asks: SHARED, ..Bounds::new("deaths, lost answers") }.faults(2, faults));
    let asks = [[2, 0, 0], [0, 1, 0]];
    holds(Bounds { asks, ..Bounds::new("deaths, lost answers, asked twice") }.faults(2, faults));
}

#[test]
fn where_redis_loses_everything() {
    let faults = &[Fault::Flush, Fault::RestartEmpty, Fault::Crash];
    holds(Bounds::new("empty Redis, twice, or a death").faults(2, faults));
}

#[test]
fn where_redis_loses_everything_while_a_commit_is_in_doubt() {
    let faults = &[Fault::RestartEmpty, Fault::CommitInDoubt];
    holds(
        Bounds { asks: SHARED, ..Bounds::new("empty Redis, commits in doubt, one call asked for twice") }
            .faults(2, faults),
    );
}

#[test]
fn where_redis_comes_back_with_old_keys() {
    let faults = &[Fault::RestartOld, Fault::RoleReturns];
    holds(Bounds::new("old keys").faults(1, faults));
}

#[test]
fn where_two_redis_servers_take_requests() {
    holds(Bounds { epochs: 3, ..Bounds::new("split brain") }.faults(1, &[Fault::SplitBrain]));
}

#[test]
fn where_two_replicas_rebuild_at_once() {
    let faults = &[Fault::NeedlessRebuild, Fault::Crash];
    holds(Bounds::new("two rebuilds, a death").faults(2, faults));
    holds(Bounds { new_redis: true, ..Bounds::new("a new Redis, a lost answer") }.faults(1, &[Fault::BatchLost]));
}

#[test]
fn where_redis_is_away() {
    holds(Bounds { asks: SHARED, ..Bounds::new("Redis away") }.faults(1, &[Fault::RedisAway]));
}

#[test]
fn where_the_sweep_puts_back_what_is_not_lost() {
    let sweeping = |name| Bounds { stale_sweeps: true, ..Bounds::new(name) };
    holds(Bounds { keepers: &Node::ALL, ..sweeping("stale sweeps") }.faults(1, &[Fault::Crash, Fault::BatchLost]));
    holds(sweeping("stale sweeps, empty Redis").faults(1, &[Fault::Flush]));
}

#[test]
fn where_a_call_comes_alive_that_was_given_up() {
    let reviving = Bounds { revivals: true, keepers: &Node::ALL, ..Bounds::new("revivals") };
    holds(reviving);
    holds(Bounds { name: "revivals, lost answers", ..reviving }.faults(1, &[Fault::BatchLost]));
}

#[test]
fn where_there_are_three_calls_for_two_slots() {
    let three = |name| Bounds { cap: 2, asks: [[1, 0, 0], [0, 1, 1]], ..Bounds::new(name) };
    holds(
        three("three calls, deaths, lost answers").faults(1, &[Fault::Crash, Fault::CommitInDoubt, Fault::BatchLost]),
    );
    holds(three("three calls, empty Redis").faults(1, &[Fault::Flush]));
}

#[test]
#[ignore = "takes some minutes"]
fn deeper_where_redis_is_lost_twice() {
    holds(Bounds::new("old keys, twice").faults(2, &[Fault::RestartOld, Fault::RoleReturns]));
    let shared = Bounds { asks: SHARED, ..Bounds::new("old keys, commits in doubt, one call asked for twice") };
    holds(shared.faults(2, &[Fault::RestartOld, Fault::CommitInDoubt]));
    holds(Bounds::new("Redis away and back with old keys").faults(2, &[Fault::RedisAway, Fault::RestartOld]));
    let split = Bounds { epochs: 3, new_redis: true, ..Bounds::new("split brain, lost answers") };
    holds(split.faults(2, &[Fault::SplitBrain, Fault::BatchLost]));
}

#[test]
#[ignore = "takes some minutes"]
fn deeper_where_redis_is_away() {
    let faults = &[Fault::RedisAway, Fault::Crash, Fault::BatchLost];
    holds(Bounds::new("Redis away, deaths, lost answers").faults(2, faults));
    holds(Bounds::new("Redis away, commits in doubt").faults(2, &[Fault::RedisAway, Fault::CommitInDoubt]));
}

#[test]
#[ignore = "takes some minutes, and some gigabytes"]
fn deeper_where_two_things_of_any_kind_go_wrong() {
    let faults = &[
        Fault::Crash,
        Fault::CommitInDoubt,
        Fault::BatchLost,
        Fault::Flush,
        Fault::RestartOld,
        Fault::RedisAway,
        Fault::NeedlessRebuild,
    ];
    holds(Bounds::new("two of anything").faults(2, faults));
}
