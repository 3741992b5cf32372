//! Ledger against table: whose slots are there that should not be, and the other way round.

use std::collections::{HashMap, HashSet};

use crate::domain::admission::Holder;
use crate::domain::ids::CallId;

/// Who holds something, by the ledger. Read before the table, so that a call that begins meanwhile is no finding.
pub type LedgerView = Vec<Holder>;

/// Who holds something, by the session table, and which of the ledger's calls have a row at all.
#[derive(Clone, Debug, Default)]
pub struct TableView {
    /// Holders by the table.
    pub holders: Vec<Holder>,
    /// Calls of the ledger that are over by the table.
    pub over: HashSet<CallId>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The call is over, its slot is still in the ledger (`slot_orphaned`).
    Orphan(CallId),
    /// In the ledger, but there is no such call (`db_missing`).
    NoRow(CallId),
    /// The call holds something that the ledger has not, or has otherwise (`redis_missing`).
    Lost(Holder),
}

/// Every difference between the two.
pub fn drift(ledger: &LedgerView, table: &TableView) -> Vec<Drift> {
    let by_table: HashMap<CallId, &Holder> = table.holders.iter().map(|holder| (holder.call_id, holder)).collect();
    let by_ledger: HashMap<CallId, &Holder> = ledger.iter().map(|holder| (holder.call_id, holder)).collect();
    let surplus = ledger.iter().map(|holder| holder.call_id).filter(|id| !by_table.contains_key(id));
    let surplus = surplus.map(|id| if table.over.contains(&id) { Drift::Orphan(id) } else { Drift::NoRow(id) });
    let lost = table.holders.iter().filter(|holder| by_ledger.get(&holder.call_id) != Some(holder));
    surplus.chain(lost.cloned().map(Drift::Lost)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Slot;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn holder(n: u8, overflow: bool) -> Holder {
        Holder {
            call_id: CallId::new(Uuid::from_u128(u128::from(n) + 1)),
            business_id: "42".parse().unwrap(),
            plan: "PRO".parse().unwrap(),
            slot: if overflow { Slot::Overflow } else { Slot::Held },
        }
    }

    fn holders() -> impl Strategy<Value = Vec<Holder>> {
        prop::collection::btree_map(0u8..12, any::<bool>(), 0..12)
            .prop_map(|all| all.into_iter().map(|(n, overflow)| holder(n, overflow)).collect())
    }

    fn repair(ledger: LedgerView, drift: &[Drift]) -> LedgerView {
        let mut by_id: HashMap<CallId, Holder> = ledger.into_iter().map(|holder| (holder.call_id, holder)).collect();
        for finding in drift {
            match finding {
                Drift::Orphan(id) | Drift::NoRow(id) => {
                    by_id.remove(id);
                }
                Drift::Lost(holder) => {
                    by_id.insert(holder.call_id, holder.clone());
                }
            }
        }
        by_id.into_values().collect()
    }

    proptest! {
        #[test]
        fn i6_a_repaired_ledger_is_the_table_and_has_no_drift(ledger in holders(), table in holders(), over in prop::collection::hash_set(0u8..12, 0..12)) {
            let over = over.into_iter().map(|n| holder(n, false).call_id).collect();
            let table = TableView { holders: table, over };
            let repaired = repair(ledger.clone(), &drift(&ledger, &table));
            prop_assert!(drift(&repaired, &table).is_empty());
            prop_assert_eq!(repaired.len(), table.holders.len());
        }
    }
}
