//! An API key, hashed.

use sea_orm::entity::prelude::*;

/// An API key, hashed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// A UUIDv7, by which it is revoked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    /// What it is for.
    pub name: String,
    /// `read`, `call` or `admin`.
    pub scope: String,
    /// SHA-256 of the key, in hex.
    #[sea_orm(unique)]
    pub hash: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was revoked.
    pub revoked_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
