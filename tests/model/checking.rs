//! Runs the checker, and says what it did.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::bounds::Bounds;
use crate::properties;
use crate::state::Cluster;

/// Both cores of a small machine.
const THREADS: usize = 2;

/// Looks at every state within the bounds. Everything must hold, and everything that should be possible must be.
pub(crate) fn holds(bounds: Bounds) {
    let began = std::time::Instant::now();
    let finish = HasDiscoveries::AnyFailures;
    let checker = Cluster::new(bounds).checker().threads(THREADS).finish_when(finish).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{}: {states} states, depth {depth}, {:.1?}", bounds.name, began.elapsed());
    for property in properties::ALWAYS {
        if let Some(path) = checker.discovery(property) {
            panic!("{}: not so: {property}:\n{}", bounds.name, steps(path.into_actions()));
        }
    }
    for property in [properties::FULL, properties::ALL_OVER, properties::REBUILT] {
        assert!(checker.discovery(property).is_some(), "{}: it never comes to this: {property}", bounds.name);
    }
}

/// Looks for a state in which the property does not hold. One must be found, or the model proves nothing.
pub(crate) fn breaks(bounds: Bounds, property: &'static str) {
    match find(bounds, property) {
        (states, None) => {
            panic!("{}: {:?} is missing, and still, in {states} states: {property}", bounds.name, bounds.without)
        }
        (states, Some(steps)) => println!("{}: not so within {states} states: {property}:\n{steps}", bounds.name),
    }
}

/// This one property holds, whatever else does not.
pub(crate) fn keeps(bounds: Bounds, property: &'static str) {
    match find(bounds, property) {
        (states, None) => println!("{}: {states} states, and still: {property}", bounds.name),
        (_, Some(steps)) => panic!("{}: not so: {property}:\n{steps}", bounds.name),
    }
}

/// How many states there are, or were before the counterexample. One thread, so that it is as short as can be.
fn find(bounds: Bounds, property: &'static str) -> (usize, Option<String>) {
    let finish = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = Cluster::new(bounds).checker().finish_when(finish).spawn_bfs().join();
    (checker.unique_state_count(), checker.discovery(property).map(|path| steps(path.into_actions())))
}

fn steps<A: std::fmt::Debug>(actions: Vec<A>) -> String {
    let steps: Vec<_> = actions.into_iter().map(|action| format!("  {action:?}")).collect();
    steps.join("\n")
}
