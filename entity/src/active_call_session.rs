//! The current state of one call, written in the transaction of its events. `slot` is who-holds-what.

use sea_orm::entity::prelude::*;

/// The current state of one call, written in the transaction of its events. `slot` is who-holds-what.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "active_call_session")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// The provider's conversation.
    pub provider_call_id: Option<String>,
    /// The provider account.
    pub pool: String,
    /// Whose call it is; empty for an abandoned admission.
    pub business_id: String,
    /// On which plan.
    pub plan: String,
    /// `outbound` or `inbound`.
    pub direction: String,
    /// Where it stands.
    pub status: String,
    /// `none`, `held`, `overflow` or `released`.
    pub slot: String,
    /// Which kind of provider.
    pub provider: String,
    /// When the provider had it.
    pub started_at: Option<DateTimeUtc>,
    /// When it was over.
    pub ended_at: Option<DateTimeUtc>,
    /// All else that listings show.
    #[sea_orm(column_type = "Json")]
    pub metadata: Json,
    /// The sequence of its latest event.
    pub sequence: i64,
    /// When it was announced.
    pub created_at: DateTimeUtc,
    /// When its latest event was stored.
    pub updated_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
