//! The protocol as it is: nothing breaks.

use crate::bounds::{Bounds, Fault};
use crate::checking::holds;
use Fault::*;

#[test]
fn all() {
    let one: ([u8; 3], [u8; 3]) = ([1, 0, 0], [0, 1, 0]);
    let shared = ([1, 1, 0], [1, 0, 0]);
    let all2 = ([1, 1, 0], [1, 1, 0]);
    for (n, (a, b)) in [("one", one), ("shared", shared), ("all2", all2)] {
        println!("== {n}");
        holds(Bounds::new("calm").asks(a, b));
        holds(Bounds::new("procs").asks(a, b).faults(2, &[Crash, CommitInDoubt, BatchLost]));
        holds(Bounds::new("loss1").asks(a, b).faults(1, &[Flush, RestartEmpty, RestartOld, RoleReturns]));
        holds(
            Bounds::new("loss2").asks(a, b).faults(2, &[Flush, RestartEmpty, RestartOld, RoleReturns, CommitInDoubt]),
        );
        holds(Bounds::new("away").asks(a, b).faults(2, &[RedisAway, CommitInDoubt]));
    }
}
