//! One sweep and its report.

use sea_orm::entity::prelude::*;

/// One sweep and its report.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reconciliation_run")]
pub struct Model {
    /// A UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `full` or `ledger`.
    pub scope: String,
    /// `start`, `interval`, `demand` or `request`.
    pub trigger: String,
    /// The replica that swept.
    pub node: String,
    /// When it began.
    pub started_at: DateTimeUtc,
    /// When it was done.
    pub finished_at: DateTimeUtc,
    /// What it found and did.
    #[sea_orm(column_type = "Json")]
    pub report: Json,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
