//! One webhook, normalised; no transcript, no audio. The hash makes a repeated delivery visible.

use sea_orm::entity::prelude::*;

/// One webhook, normalised; no transcript, no audio. The hash makes a repeated delivery visible.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_inbox")]
pub struct Model {
    /// Its number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// SHA-256 of the raw body, in hex.
    #[sea_orm(unique)]
    pub body_hash: String,
    /// The provider's word for it.
    pub event_type: String,
    /// `settled`, or `parked` until its call is known.
    pub state: String,
    /// What it came to.
    pub outcome: String,
    /// The call it was about.
    pub call_id: Option<String>,
    /// The provider's conversation.
    pub conversation_id: Option<String>,
    /// The carrier's call.
    pub call_sid: Option<String>,
    /// The agent.
    pub agent_id: Option<String>,
    /// What it says, normalised.
    #[sea_orm(column_type = "Json")]
    pub notice: Json,
    /// When it came.
    pub received_at: DateTimeUtc,
    /// When it was applied.
    pub settled_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
