//! The fencing token of a pool's ledger.

use sea_orm::entity::prelude::*;

/// The fencing token of a pool's ledger.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_epoch")]
pub struct Model {
    /// The pool.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pool: String,
    /// Raised by every rebuild; an admission of an older epoch does not commit.
    pub epoch: i64,
    /// Where the ledger lives: `memory`, `redis` or `database`.
    pub home: String,
    /// Whether a full look at the provider has succeeded since the database was made.
    pub surveyed: bool,
    /// When the epoch began, by the database's clock.
    pub begun_at: DateTimeUtc,
    /// When some replica last reached Redis, by the database's clock.
    pub seen_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
