//! Runs the checker, and says what it did.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::bounds::Bounds;
use crate::properties;
use crate::state::Cluster;

/// Both cores of a small machine.
const THREADS: usize = 2;

/// Looks at every state within the bounds. Everything must hold, and everything that should be possible must be.
pub fn holds(bounds: Bounds) {
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
pub fn breaks(bounds: Bounds, property: &'static str) {
    let began = std::time::Instant::now();
    let finish = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = Cluster::new(bounds).checker().threads(THREADS).finish_when(finish).spawn_bfs().join();
    let (name, without, states) = (bounds.name, bounds.without, checker.unique_state_count());
    let Some(path) = checker.discovery(property) else {
        panic!("{name}: {without:?} is missing, and still, in {states} states: {property}");
    };
    let steps = steps(path.into_actions());
    println!("{name}: not so: {property} (found within {states} states, {:.1?}):\n{steps}", began.elapsed());
}

fn steps<A: std::fmt::Debug>(actions: Vec<A>) -> String {
    actions.into_iter().map(|action| format!("  {action:?}\n")).collect()
}
