//! A slot that was given while the database is the ledger, until its admission is committed or given back.

use sea_orm::entity::prelude::*;

/// A slot that was given while the database is the ledger, until its admission is committed or given back.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "slot_lease")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// The pool.
    pub pool: String,
    /// Whose call it is.
    pub business_id: String,
    /// On which plan.
    pub plan: String,
    /// By which a repeated question is told from another.
    pub lease: String,
    /// Under which epoch it was given.
    pub epoch: i64,
    /// When it was given.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
