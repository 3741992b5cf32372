//! Rebuilding a ledger from the session table, under an epoch of its own.

use std::collections::HashSet;
use std::time::Duration;

use super::SharedLedger;
use crate::domain::admission::Holder;
use crate::domain::call::Slot;
use crate::domain::ids::{CallId, PoolId};
use crate::ledger::{Instruction, LedgerError};
use crate::store::{Begun, Epoch, EpochState, NewEpoch, Sequence, Session, SlotTable, Store, StoreError};

/// Between two notes that this replica is still loading; others wait for it that long and longer.
const RENEWAL: Duration = Duration::from_secs(1);

/// A ledger that was rebuilt.
pub(super) struct Rebuilt {
    pub(super) state: EpochState,
    pub(super) slots: usize,
    /// What the log said while it was read and loaded.
    pub(super) meanwhile: Vec<Instruction>,
}

/// Why a ledger was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRebuilt {
    /// Another replica was first.
    #[error("another replica was first")]
    Overtaken,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be loaded, although it may answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Begins the epoch, then reads who holds a slot: what an older epoch still admits after that cannot commit.
pub(super) async fn rebuild(
    store: Store,
    pool: PoolId,
    ledger: SharedLedger,
    new: NewEpoch,
) -> Result<Rebuilt, NotRebuilt> {
    let Begun::New(state) = store.begin_epoch(&pool, new).await? else { return Err(NotRebuilt::Overtaken) };
    tokio::select! {
        rebuilt = load(&store, &pool, ledger, state) => rebuilt,
        () = renew(&store, &pool, state.epoch) => Err(NotRebuilt::Overtaken),
    }
}

/// Says again and again that the epoch is being loaded; ends where another one has begun.
async fn renew(store: &Store, pool: &PoolId, epoch: Epoch) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        if let Ok(false) = store.renew_epoch(pool, epoch).await {
            return;
        }
    }
}

async fn load(store: &Store, pool: &PoolId, ledger: SharedLedger, state: EpochState) -> Result<Rebuilt, NotRebuilt> {
    let SlotTable { terms, by_log, .. } = store.slot_table(pool).await?;
    let before: Vec<CallId> = by_log.iter().map(|(holder, _)| holder.call_id).collect();
    ledger.lock().await.load(state.epoch, terms, by_log).await?;
    let meanwhile = changes_since(store, pool, &before).await?;
    Ok(Rebuilt { state, slots: before.len(), meanwhile })
}

/// What the log said while the ledger was loaded, other than what is in it.
async fn changes_since(store: &Store, pool: &PoolId, before: &[CallId]) -> Result<Vec<Instruction>, StoreError> {
    let now = store.slot_table(pool).await?.by_log;
    let here: HashSet<_> = now.iter().map(|(holder, _)| holder.call_id).collect();
    let known: HashSet<_> = before.iter().collect();
    let gone: Vec<CallId> = before.iter().filter(|call_id| !here.contains(call_id)).copied().collect();
    let release = |row: Session| Instruction::Release { call_id: row.call_id, as_of: row.sequence };
    let over = store.sessions_of(&gone).await?.into_iter().filter(|row| row.holder().is_none()).map(release);
    // A slot that is held was admitted under this epoch, so its lease is in the ledger; overflow asks nobody.
    let missed = |(holder, _): &(Holder, Sequence)| holder.slot == Slot::Overflow && !known.contains(&holder.call_id);
    let put = |(holder, as_of)| Instruction::Put { holder, as_of };
    let come = now.into_iter().filter(missed).map(put);
    Ok(over.chain(come).collect())
}
