//! The group commit: one transaction for a batch, in which every item wins or loses by itself.
//!
//! Order: epoch first, then the items in the order of their call ids, so that two replicas cannot wait for
//! each other in a circle. An item that loses leaves no trace: it runs inside a savepoint.

use async_trait::async_trait;
use entity::{active_call_session, call_event, call_reference};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, TransactionTrait,
    TryInsertResult,
};
use serde_json::Value;

use super::codec::{SCHEMA_VERSION, encode};
use super::connection::{Key, Store};
use super::epoch::{self, Epoch};
use super::inbox::{self, Delivery, ParkedNotice};
use super::port::{Append, CommitError, Conflict, EventStore, Sequence, StoreError, Trace, Write, Written};
use super::row::{PROVIDER, row_of};
use super::{Bulletin, Stream};
use crate::domain::call::{CallEvent, Reference, References};
use crate::domain::ids::{CallId, PoolId};
use crate::sources;

#[async_trait]
impl EventStore for Store {
    async fn commit(&self, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, CommitError> {
        let not_stored = |error: DbErr| CommitError::NotStored(error.to_string());
        let txn = self.begin().await.map_err(not_stored)?;
        txn.lock_shared(Key::of_epoch(&PoolId::default_pool())).await.map_err(not_stored)?;
        let results = write_all(txn.transaction(), batch).await.map_err(not_stored)?;
        // From here on silence proves nothing.
        txn.commit().await.map_err(|error| CommitError::Unknown(error.to_string()))?;
        Ok(results)
    }

    async fn load(&self, call_id: CallId) -> Result<Stream, StoreError> {
        self.stream(call_id).await
    }
}

/// What one item came to, or the database's own trouble, which undoes the whole batch.
type Attempt = Result<Result<Written, Conflict>, DbErr>;

async fn write_all(txn: &DatabaseTransaction, batch: &[Write]) -> Result<Vec<Result<Written, Conflict>>, DbErr> {
    let carries_epoch = |write: &Write| matches!(write, Write::Append(append) if append.epoch.is_some());
    let current =
        if batch.iter().any(carries_epoch) { Some(epoch::current(txn, &PoolId::default_pool()).await?) } else { None };
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by_key(|&index| match &batch[index] {
        Write::Append(append) => Some(append.call_id),
        _ => None,
    });
    let mut results = vec![Ok(Written::default()); batch.len()];
    for index in order {
        let savepoint = txn.begin().await?;
        let result = write_one(&savepoint, &batch[index], current).await?;
        if result.is_ok() {
            savepoint.commit().await?;
        } else {
            savepoint.rollback().await?;
        }
        results[index] = result;
    }
    Ok(results)
}

async fn write_one(txn: &DatabaseTransaction, write: &Write, current: Option<Epoch>) -> Attempt {
    match write {
        Write::Append(append) => append_one(txn, append, current).await,
        Write::File(delivery) => file_one(txn, delivery).await,
        Write::Settle { id, outcome } => {
            inbox::settle(txn, &[*id], outcome, None).await?;
            Ok(Ok(Written::default()))
        }
        Write::Note(bulletin) => {
            insert_bulletin(txn, bulletin).await?;
            Ok(Ok(Written::default()))
        }
    }
}

async fn append_one(txn: &DatabaseTransaction, append: &Append, current: Option<Epoch>) -> Attempt {
    if append.epoch.is_some() && append.epoch != current {
        return Ok(Err(Conflict::StaleEpoch));
    }
    if let Some(delivery) = &append.delivery
        && !inbox::file(txn, delivery).await?
    {
        return Ok(Err(Conflict::DuplicateDelivery));
    }
    inbox::settle(txn, &append.settles, "settled", Some(append.call_id)).await?;
    if append.events.is_empty() {
        return Ok(Ok(Written::default()));
    }
    let learned: References =
        append.events.iter().filter_map(|event| event.kind.references()).flat_map(References::iter).cloned().collect();
    // Before the session row: its conversation is unique too, and a breach there would undo the whole batch.
    if let Some(owner) = claim(txn, append.call_id, &learned).await? {
        return Ok(Err(Conflict::ReferenceTaken(owner)));
    }
    if !move_sequence(txn, append).await? {
        return Ok(Err(Conflict::SequenceMoved));
    }
    insert_events(txn, append).await?;
    let parked = inbox::parked_for(txn, &learned).await?.into_iter().filter_map(|row| ParkedNotice::try_from(row).ok());
    Ok(Ok(Written { parked: parked.collect() }))
}

/// Moves the session from the expected sequence to the next; false where somebody else has moved it.
async fn move_sequence(txn: &DatabaseTransaction, append: &Append) -> Result<bool, DbErr> {
    use active_call_session::{Column, Entity};
    let row = row_of(append.call_id, &append.record, append.expected.after(append.events.len()));
    if append.expected == Sequence::START {
        let once = OnConflict::column(Column::CallId).do_nothing().to_owned();
        let inserted = Entity::insert(row).on_conflict(once).try_insert().exec_without_returning(txn).await?;
        return Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0));
    }
    let mut changes = row;
    changes.call_id = NotSet;
    changes.created_at = NotSet;
    let expected = i64::try_from(append.expected.0).expect("a call has fewer than 2^63 events");
    let moved = Entity::update_many()
        .set(changes)
        .filter(Column::CallId.eq(append.call_id.to_string()))
        .filter(Column::Sequence.eq(expected))
        .exec(txn)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Makes the references this call's; gives the call that has one of them already.
async fn claim(txn: &DatabaseTransaction, call_id: CallId, references: &References) -> Result<Option<CallId>, DbErr> {
    use call_reference::{ActiveModel, Column, Entity};
    for Reference { kind, value } in references.iter() {
        let row = ActiveModel {
            provider: Set(PROVIDER.to_owned()),
            kind: Set(kind.as_str().to_owned()),
            value: Set(value.clone()),
            call_id: Set(call_id.to_string()),
            created_at: Set(sources::now()),
        };
        let once = OnConflict::columns([Column::Provider, Column::Kind, Column::Value]).do_nothing().to_owned();
        let inserted = Entity::insert(row).on_conflict(once).try_insert().exec_without_returning(txn).await?;
        if matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0) {
            continue;
        }
        let key = (PROVIDER.to_owned(), kind.as_str().to_owned(), value.clone());
        let owner = Entity::find_by_id(key).one(txn).await?.and_then(|row| row.call_id.parse().ok());
        if owner.is_some_and(|owner| owner != call_id) {
            return Ok(owner);
        }
    }
    Ok(None)
}

async fn insert_events(txn: &DatabaseTransaction, append: &Append) -> Result<(), DbErr> {
    let rows = append.events.iter().zip(1..).map(|(CallEvent { occurred_at, kind }, place)| {
        let (event_type, _, data) = encode(kind);
        let mut row = event_row(append.call_id, append.expected.after(place), event_type, data, &append.trace);
        row.occurred_at = Set(*occurred_at);
        row
    });
    call_event::Entity::insert_many(rows.collect::<Vec<_>>()).exec_without_returning(txn).await?;
    Ok(())
}

async fn insert_bulletin(txn: &DatabaseTransaction, bulletin: &Bulletin) -> Result<(), DbErr> {
    let value = serde_json::to_value(bulletin).expect("a bulletin is a map with text keys");
    let data = value.get("data").cloned().unwrap_or_default();
    let row = event_row(sources::new_call_id(), Sequence(1), bulletin.name(), data, &Trace::default());
    row.insert(txn).await?;
    Ok(())
}

fn event_row(
    call_id: CallId,
    sequence: Sequence,
    event_type: &str,
    data: Value,
    trace: &Trace,
) -> call_event::ActiveModel {
    let now = sources::now();
    call_event::ActiveModel {
        position: NotSet,
        call_id: Set(call_id.to_string()),
        sequence: Set(i64::try_from(sequence.0).expect("a call has fewer than 2^63 events")),
        event_type: Set(event_type.to_owned()),
        schema_version: Set(SCHEMA_VERSION),
        data: Set(data),
        occurred_at: Set(now),
        recorded_at: Set(now),
        correlation_id: Set(trace.correlation_id.clone()),
        causation_id: Set(trace.causation_id.clone()),
        node: Set(sources::node().to_owned()),
    }
}

/// Files a webhook that changes no call, unless one of its references has come to be known meanwhile.
async fn file_one(txn: &DatabaseTransaction, delivery: &Delivery) -> Attempt {
    use call_reference::Entity;
    for Reference { kind, value } in delivery.notice.references.iter() {
        let key = (PROVIDER.to_owned(), kind.as_str().to_owned(), value.clone());
        let owner = Entity::find_by_id(key).one(txn).await?.and_then(|row| row.call_id.parse().ok());
        if let (Some(owner), None) = (owner, delivery.call_id) {
            return Ok(Err(Conflict::ReferenceTaken(owner)));
        }
    }
    if inbox::file(txn, delivery).await? { Ok(Ok(Written::default())) } else { Ok(Err(Conflict::DuplicateDelivery)) }
}
