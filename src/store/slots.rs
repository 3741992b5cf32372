//! Slots as the database counts them while Redis is away: by the log, and by leases that are rows themselves.
//!
//! One replica at a time has the turn: it holds the epoch's lock, so every admission of the epoch is either in what
//! it reads, or will not commit before it is done.

use std::collections::HashSet;

use entity::active_call_session::{Column, Entity};
use entity::slot_lease;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::connection::{Key, Store, Transaction};
use super::epoch::{Epoch, Home};
use super::port::{Sequence, StoreError};
use super::sessions::is_live;
use crate::domain::admission::Holder;
use crate::domain::call::{Slot, SlotState};
use crate::domain::ids::{CallId, LeaseId, PoolId};
use crate::domain::pool::Pool;
use crate::sources;

/// Leases written in one statement.
const CHUNK: usize = 1_000;

/// Who holds a slot, and the terms.
#[derive(Clone, Debug)]
pub struct SlotTable {
    /// The pool's terms.
    pub terms: Pool,
    /// Calls that hold something by their events.
    pub by_log: Vec<(Holder, Sequence)>,
    /// Admissions that are under way.
    pub by_lease: Vec<(Holder, LeaseId)>,
}

/// The turn at the slots. Dropped before it is finished, it has changed nothing.
pub struct SlotTurn {
    txn: Transaction,
    pool: PoolId,
    epoch: Epoch,
}

/// Whether the slots may be counted here.
pub enum Turn {
    /// It is this replica's turn.
    Begun(SlotTurn),
    /// The ledger is of another epoch, or elsewhere.
    Elsewhere(Option<Epoch>),
}

impl Store {
    /// Waits for the turn at the slots under `epoch`.
    pub async fn slot_turn(&self, pool: &PoolId, epoch: Epoch) -> Result<Turn, StoreError> {
        let txn = self.begin().await?;
        txn.lock(vec![Key::of_epoch(pool)]).await?;
        let present = super::epoch::present(&txn, pool).await?;
        match present {
            Some(state) if state.epoch == epoch && state.home == Home::Database => {
                Ok(Turn::Begun(SlotTurn { txn, pool: pool.clone(), epoch }))
            }
            other => Ok(Turn::Elsewhere(other.filter(|state| state.home == Home::Database).map(|state| state.epoch))),
        }
    }

    /// Who holds a slot now, without a turn: for readers.
    pub async fn slot_table(&self, pool: &PoolId) -> Result<SlotTable, StoreError> {
        table(self.reader(), pool).await
    }
}

impl SlotTurn {
    /// Who holds a slot.
    pub async fn table(&self) -> Result<SlotTable, StoreError> {
        table(&self.txn, &self.pool).await
    }

    /// Makes exactly `after` the leases, where `before` are there now, and ends the turn.
    pub async fn finish(self, before: &[(Holder, LeaseId)], after: &[(Holder, LeaseId)]) -> Result<(), StoreError> {
        let stays = names_of(after);
        let gone = before.iter().filter(|lease| !stays.contains(&name_of(lease)));
        let gone: Vec<String> = gone.map(|(holder, _)| holder.call_id.to_string()).collect();
        for some in gone.chunks(CHUNK) {
            let some = some.iter().map(String::as_str);
            slot_lease::Entity::delete_many().filter(slot_lease::Column::CallId.is_in(some)).exec(&self.txn).await?;
        }
        // No table shows these, so that one of their calls may be among those that are new.
        slot_lease::Entity::delete_many().filter(Expr::exists(admission())).exec(&self.txn).await?;
        let was = names_of(before);
        let new = after.iter().filter(|lease| !was.contains(&name_of(lease)));
        let new: Vec<_> = new.map(|lease| self.row(lease)).collect();
        for some in new.chunks(CHUNK) {
            slot_lease::Entity::insert_many(some.to_vec()).exec_without_returning(&self.txn).await?;
        }
        Ok(self.txn.commit().await?)
    }

    fn row(&self, (holder, lease): &(Holder, LeaseId)) -> slot_lease::ActiveModel {
        slot_lease::ActiveModel {
            call_id: Set(holder.call_id.to_string()),
            pool: Set(self.pool.as_str().to_owned()),
            business_id: Set(holder.business_id.as_str().to_owned()),
            plan: Set(holder.plan.as_str().to_owned()),
            lease: Set(format!("{:016x}", lease.0)),
            epoch: Set(i64::try_from(self.epoch.0).expect("fewer than 2^63 rebuilds")),
            created_at: Set(sources::now()),
        }
    }
}

fn name_of((holder, lease): &(Holder, LeaseId)) -> (CallId, LeaseId) {
    (holder.call_id, *lease)
}

fn names_of(leases: &[(Holder, LeaseId)]) -> HashSet<(CallId, LeaseId)> {
    leases.iter().map(name_of).collect()
}

/// The row of a lease's call. Whose admission is stored follows the log from there on.
fn admission() -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::CallId)).equals((slot_lease::Entity, slot_lease::Column::CallId)))
        .to_owned()
}

async fn table(db: &impl ConnectionTrait, pool: &PoolId) -> Result<SlotTable, StoreError> {
    let terms = super::pools::read(db, pool).await?.ok_or_else(|| StoreError(format!("there is no pool {pool}")))?;
    let live = Entity::find()
        .select_only()
        .columns([Column::CallId, Column::BusinessId, Column::Plan, Column::Slot, Column::Sequence])
        .filter(is_live())
        .into_tuple::<Live>()
        .all(db)
        .await?;
    let leases = slot_lease::Entity::find()
        .filter(slot_lease::Column::Pool.eq(pool.as_str()))
        .filter(Expr::not_exists(admission()))
        .all(db)
        .await?;
    Ok(SlotTable {
        terms,
        by_log: live.into_iter().map(held_by_log).collect::<Result<_, _>>()?,
        by_lease: leases.iter().map(lease_of).collect::<Result<_, _>>()?,
    })
}

/// As much of a session's row as the ledger counts.
type Live = (String, String, String, String, i64);

fn held_by_log((call_id, business_id, plan, slot, sequence): Live) -> Result<(Holder, Sequence), StoreError> {
    let unreadable = |error: &dyn std::fmt::Display| StoreError(format!("session {call_id} cannot be read: {error}"));
    let holder = Holder {
        business_id: business_id.parse().map_err(|error| unreadable(&error))?,
        plan: plan.parse().map_err(|error| unreadable(&error))?,
        slot: if slot == SlotState::Overflow.as_str() { Slot::Overflow } else { Slot::Held },
        call_id: call_id.parse().map_err(|error| unreadable(&error))?,
    };
    Ok((holder, Sequence(u64::try_from(sequence).unwrap_or(0))))
}

fn lease_of(row: &slot_lease::Model) -> Result<(Holder, LeaseId), StoreError> {
    let unreadable =
        |error: &dyn std::fmt::Display| StoreError(format!("the lease of {} cannot be read: {error}", row.call_id));
    let call_id: CallId = row.call_id.parse().map_err(|error| unreadable(&error))?;
    let business_id = row.business_id.parse().map_err(|error| unreadable(&error))?;
    let plan = row.plan.parse().map_err(|error| unreadable(&error))?;
    let lease = u64::from_str_radix(&row.lease, 16).map_err(|error| unreadable(&error))?;
    Ok((Holder { call_id, business_id, plan, slot: Slot::Held }, LeaseId(lease)))
}
