//! One event of one call, or one note of the gate; never changed, never deleted while its call is live.

use sea_orm::entity::prelude::*;

/// One event of one call, or one note of the gate; never changed, never deleted while its call is live.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "call_event")]
pub struct Model {
    /// The global order of events.
    #[sea_orm(primary_key)]
    pub position: i64,
    /// The stream; a UUID.
    pub call_id: String,
    /// The place in the stream, from 1.
    pub sequence: i64,
    /// The name of the event.
    pub event_type: String,
    /// The version of the event's shape.
    pub schema_version: i32,
    /// What happened.
    #[sea_orm(column_type = "Json")]
    pub data: Json,
    /// When it happened.
    pub occurred_at: DateTimeUtc,
    /// When it was stored.
    pub recorded_at: DateTimeUtc,
    /// The request that it belongs to.
    pub correlation_id: Option<String>,
    /// What caused it.
    pub causation_id: Option<String>,
    /// The replica that wrote it.
    pub node: String,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
