//! What must hold, and what must be possible at all.

use stateright::Property;

use crate::database::{Commit, Home, Row};
use crate::names::{Call, Node};
use crate::provider::Line;
use crate::redis::Server;
use crate::replica::{Attempt, Chore};
use crate::state::{Cluster, State};

/// I1: calls live at the provider that were started through the gate are never more than the cap.
pub(crate) const GLOBAL_CAP: &str = "i1: never more calls are live than the cap";
/// The log alone never says more than the cap.
pub(crate) const LOG_CAP: &str = "i1: never more calls are held in the log than the cap";
/// I5: what was dialled was admitted first.
pub(crate) const DURABLE_FIRST: &str = "i5: nothing is dialled without a committed admission";
/// The lemma of the proof: a ledger that may decide knows everything that it has to count.
pub(crate) const LEDGER_COVERS: &str = "a ledger that may decide knows every holder and every admission under way";
/// I3: once everything has come to rest no slot is taken.
pub(crate) const NO_LEAK: &str = "i3: a cluster at rest has given every slot back";
/// Overflow that the ledger was told of is counted until it is over.
pub(crate) const OVERFLOW_COUNTS: &str = "overflow that was put stays counted";
/// The model does something.
pub(crate) const FULL: &str = "all slots are in use";
/// The model comes to an end.
pub(crate) const ALL_OVER: &str = "every call is over";
/// The ledger was lost, and loaded again.
pub(crate) const REBUILT: &str = "a later ledger grants a slot";

/// What must hold always.
pub(crate) const ALWAYS: [&str; 6] = [GLOBAL_CAP, LOG_CAP, DURABLE_FIRST, LEDGER_COVERS, NO_LEAK, OVERFLOW_COUNTS];

/// Every property.
pub(crate) fn all() -> Vec<Property<Cluster>> {
    vec![
        Property::always(GLOBAL_CAP, |cluster: &Cluster, state: &State| live(state) <= cluster.bounds.cap),
        Property::always(LOG_CAP, |cluster: &Cluster, state: &State| {
            state.database.rows.0.iter().filter(|row| row.is_held()).count() <= cluster.bounds.cap
        }),
        Property::always(DURABLE_FIRST, |cluster: &Cluster, state: &State| {
            cluster.bounds.calls().all(|call| {
                state.lines[call] == Line::Quiet || !matches!(state.database.rows[call], Row::Absent | Row::Abandoned)
            })
        }),
        Property::always(LEDGER_COVERS, |cluster: &Cluster, state: &State| {
            cluster.bounds.calls().all(|call| is_covered(state, call))
        }),
        Property::always(NO_LEAK, |cluster: &Cluster, state: &State| is_at_rest(state) || !cluster.is_quiet(state)),
        Property::always(OVERFLOW_COUNTS, overflow_counts),
        Property::sometimes(FULL, |cluster: &Cluster, state: &State| live(state) == cluster.bounds.cap),
        Property::sometimes(ALL_OVER, |cluster: &Cluster, state: &State| {
            cluster.bounds.calls().all(|call| state.database.rows[call] == Row::Over)
        }),
        Property::sometimes(REBUILT, |cluster: &Cluster, state: &State| {
            let rebuilt = || state.database.epoch > 1 && live(state) > 0 && state.database.home == Home::Redis;
            !cluster.bounds.may_rebuild() || state.servers().any(|server| is_valid(state, &server)) && rebuilt()
        }),
    ]
}

fn live(state: &State) -> usize {
    state.lines.0.iter().filter(|line| **line == Line::Live).count()
}

/// The server's ledger is of the present epoch, and was loaded on this very server.
fn is_valid(state: &State, server: &Server) -> bool {
    state.database.home == Home::Redis && server.meta.is_some_and(|meta| meta.is_of(state.database.epoch))
}

/// The call has to be counted: it holds a slot, or an admission of it can still commit.
fn must_be_counted(state: &State, call: Call) -> bool {
    let Row::Absent = state.database.rows[call] else {
        return state.database.rows[call].is_held();
    };
    Node::ALL.into_iter().any(|node| {
        let sent =
            matches!(state.database.commits[node][call], Commit::Sent { epoch, .. } if epoch == state.database.epoch);
        sent || state.replicas[node].attempts[call] == Attempt::Leased { epoch: state.database.epoch }
    })
}

fn is_covered(state: &State, call: Call) -> bool {
    if !must_be_counted(state, call) {
        return true;
    }
    let leased = state.database.leases[call].is_some() || state.database.rows[call].is_held();
    let in_database = state.database.home != Home::Database || leased;
    let in_redis = |server: &Server| !is_valid(state, server) || server.slots[call].is_some();
    in_database && state.servers().all(|server| in_redis(&server))
}

/// Everybody is idle, nothing is on its way, and the present ledger is whole and empty.
fn is_at_rest(state: &State) -> bool {
    let idle = Node::ALL.into_iter().all(|node| {
        let commits = state.database.commits[node].0.iter().all(|commit| *commit == Commit::None);
        commits && state.replicas[node].is_idle() && state.network[node].is_none()
    });
    let over =
        state.database.rows.0.iter().all(|row| !row.has_slot()) && !state.lines.0.iter().any(|line| line.is_live());
    let empty = Node::ALL.into_iter().all(|node| {
        let server = state.server_of(node);
        is_valid(state, &server) && server.slots.0.iter().all(Option::is_none)
    });
    idle && over && empty
}

/// Looked at where no replica crashes: whoever revived a call has put it as soon as it owes nothing.
fn overflow_counts(cluster: &Cluster, state: &State) -> bool {
    cluster.bounds.calls().filter(|call| state.database.rows[*call] == Row::Overflow).all(|call| {
        let put = Node::ALL.into_iter().all(|node| !matches!(state.replicas[node].chores[call], Chore::Put(_)));
        let counted = |server: &Server| !is_valid(state, server) || server.slots[call].is_some();
        !put || state.servers().all(|server| counted(&server))
    })
}
