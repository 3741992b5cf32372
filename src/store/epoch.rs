//! The ledger's epoch: the fencing token that an admission must carry to commit.

use entity::ledger_epoch::{ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::connection::Store;
use super::port::StoreError;
use crate::domain::ids::PoolId;

/// One life of a ledger; a rebuild begins the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The epoch row of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochState {
    /// The epoch.
    pub epoch: Epoch,
    /// Whether a full look at the provider has succeeded since the database was made.
    pub surveyed: bool,
}

/// The epoch of the pool, as the transaction sees it; 0 before the first ledger.
pub(super) async fn read(db: &impl ConnectionTrait, pool: &PoolId) -> Result<EpochState, DbErr> {
    let row = Entity::find_by_id(pool.as_str()).one(db).await?;
    Ok(row.map_or(EpochState { epoch: Epoch(0), surveyed: false }, |row| EpochState {
        epoch: Epoch(u64::try_from(row.epoch).unwrap_or(0)),
        surveyed: row.surveyed,
    }))
}

impl Store {
    /// Begins the next epoch: from now on no admission of an older one commits.
    pub async fn begin_epoch(&self, pool: &PoolId) -> Result<EpochState, StoreError> {
        let txn = self.begin().await?;
        let before = read(&txn, pool).await?;
        let epoch = Epoch(before.epoch.0 + 1);
        let row = ActiveModel {
            pool: Set(pool.as_str().to_owned()),
            epoch: Set(i64::try_from(epoch.0).expect("fewer than 2^63 rebuilds")),
            home: Set("memory".to_owned()),
            surveyed: Set(before.surveyed),
            updated_at: Set(crate::sources::now()),
        };
        let replace = OnConflict::column(Column::Pool)
            .update_columns([Column::Epoch, Column::Home, Column::UpdatedAt])
            .to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(&txn).await?;
        txn.commit().await?;
        Ok(EpochState { epoch, surveyed: before.surveyed })
    }

    /// Notes that the provider was asked for all its live calls, and answered.
    pub async fn mark_surveyed(&self, pool: &PoolId) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Surveyed, Expr::value(true))
            .filter(Column::Pool.eq(pool.as_str()))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}
