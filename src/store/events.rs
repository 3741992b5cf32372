//! Reading the log: one stream, or the feed of all.

use chrono::{DateTime, Utc};
use entity::call_event::{Column, Entity, Model};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::bulletin::Bulletin;
use super::codec::decode;
use super::connection::Store;
use super::port::{Sequence, StoreError};
use crate::domain::call::{Call, CallEvent, replay};
use crate::domain::ids::CallId;

/// One event with its place and its time of storage.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// Its place in the stream.
    pub sequence: Sequence,
    /// The version in which it was written.
    pub schema_version: i32,
    /// When it was stored.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub event: CallEvent,
}

/// The whole stream of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream(pub Vec<RecordedEvent>);

impl Stream {
    /// The sequence of the last event.
    pub fn sequence(&self) -> Sequence {
        self.0.last().map(|recorded| recorded.sequence).unwrap_or_default()
    }

    /// The call that the events make.
    pub fn replay(&self) -> Call {
        replay(self.0.iter().map(|recorded| &recorded.event))
    }
}

/// One line of the feed of all calls, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedItem {
    /// Its place in the feed.
    pub position: i64,
    /// The stream.
    pub call_id: String,
    /// Its place in the stream.
    pub sequence: i64,
    /// The name of the event.
    pub event_type: String,
    /// The version in which it was written.
    pub schema_version: i32,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was stored.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub data: Value,
}

impl From<Model> for FeedItem {
    fn from(row: Model) -> Self {
        Self {
            position: row.position,
            call_id: row.call_id,
            sequence: row.sequence,
            event_type: row.event_type,
            schema_version: row.schema_version,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            data: row.data,
        }
    }
}

impl Store {
    /// The whole stream of a call; empty where there is none.
    pub async fn stream(&self, call_id: CallId) -> Result<Stream, StoreError> {
        let rows = Entity::find()
            .filter(Column::CallId.eq(call_id.to_string()))
            .order_by_asc(Column::Sequence)
            .all(self.reader())
            .await?;
        let events = rows.iter().filter(|row| !Bulletin::is_named(&row.event_type)).map(recorded);
        Ok(Stream(events.collect::<Result<_, _>>()?))
    }

    /// The latest `limit` events of all calls, newest first.
    pub async fn latest_events(&self, limit: u64) -> Result<Vec<FeedItem>, StoreError> {
        let rows = Entity::find().order_by_desc(Column::Position).limit(limit).all(self.reader()).await?;
        Ok(rows.into_iter().map(FeedItem::from).collect())
    }

    /// Up to `limit` events after `position`, oldest first.
    pub async fn events_after(&self, position: i64, limit: u64) -> Result<Vec<FeedItem>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Position.gt(position))
            .order_by_asc(Column::Position)
            .limit(limit)
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().map(FeedItem::from).collect())
    }

    /// The streams of up to `limit` calls after `after` in the order of their ids: a walk over the whole log.
    pub async fn streams_after(&self, after: Option<CallId>, limit: u64) -> Result<Vec<(CallId, Stream)>, StoreError> {
        let mut ids = Entity::find()
            .select_only()
            .column(Column::CallId)
            .distinct()
            .filter(Column::EventType.is_not_in(Bulletin::NAMES))
            .order_by_asc(Column::CallId);
        if let Some(after) = after {
            ids = ids.filter(Column::CallId.gt(after.to_string()));
        }
        let ids: Vec<String> = ids.limit(limit).into_tuple().all(self.reader()).await?;
        let rows = Entity::find()
            .filter(Column::CallId.is_in(ids.iter().map(String::as_str)))
            .order_by_asc(Column::CallId)
            .order_by_asc(Column::Sequence)
            .all(self.reader())
            .await?;
        let mut streams: Vec<(CallId, Stream)> = Vec::with_capacity(ids.len());
        for row in rows {
            let call_id = row.call_id.parse().map_err(|error| StoreError(format!("{}: {error}", row.call_id)))?;
            if streams.last().is_none_or(|(last, _)| *last != call_id) {
                streams.push((call_id, Stream::default()));
            }
            if let Some((_, stream)) = streams.last_mut() {
                stream.0.push(recorded(&row)?);
            }
        }
        Ok(streams)
    }
}

fn recorded(row: &Model) -> Result<RecordedEvent, StoreError> {
    let kind = decode(&row.event_type, row.schema_version, &row.data)?;
    Ok(RecordedEvent {
        sequence: Sequence(u64::try_from(row.sequence).unwrap_or(0)),
        schema_version: row.schema_version,
        recorded_at: row.recorded_at,
        event: CallEvent { occurred_at: row.occurred_at, kind },
    })
}
