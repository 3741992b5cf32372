//! The pool's row: cap, pause and reserves, seeded by the configuration and changed at run time.

use std::collections::BTreeMap;

use entity::pool::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use serde_json::json;

use super::connection::{Key, Store};
use super::port::StoreError;
use crate::domain::ids::{PlanName, PoolId};
use crate::domain::pool::Pool;

fn pool_of(row: &Model) -> Result<Pool, StoreError> {
    let unreadable = |what: String| StoreError(format!("pool {} cannot be read: {what}", row.pool_id));
    let reserves: BTreeMap<PlanName, u32> =
        serde_json::from_value(row.reserves.clone()).map_err(|error| unreadable(error.to_string()))?;
    Ok(Pool {
        id: row.pool_id.parse().map_err(|error| unreadable(format!("{error}")))?,
        cap: u32::try_from(row.cap).map_err(|error| unreadable(error.to_string()))?,
        paused: row.paused,
        reserves,
    })
}

async fn put(db: &impl ConnectionTrait, pool: &Pool, configured: serde_json::Value) -> Result<(), DbErr> {
    let row = ActiveModel {
        pool_id: Set(pool.id.as_str().to_owned()),
        cap: Set(i32::try_from(pool.cap).unwrap_or(i32::MAX)),
        paused: Set(pool.paused),
        reserves: Set(serde_json::to_value(&pool.reserves).expect("reserves are a map with text keys")),
        configured: Set(configured),
        updated_at: Set(crate::sources::now()),
    };
    let replace = OnConflict::column(Column::PoolId)
        .update_columns([Column::Cap, Column::Paused, Column::Reserves, Column::Configured, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(db).await?;
    Ok(())
}

/// The pool, as the transaction or connection sees it.
pub(super) async fn read(db: &impl ConnectionTrait, id: &PoolId) -> Result<Option<Pool>, StoreError> {
    Entity::find_by_id(id.as_str()).one(db).await?.as_ref().map(pool_of).transpose()
}

/// What is written is made of what was read: nobody else writes meanwhile.
fn key_of(pool: &PoolId) -> Key {
    Key::of("pool", pool.as_str())
}

impl Store {
    /// The pool as it is now.
    pub async fn pool(&self, id: &PoolId) -> Result<Option<Pool>, StoreError> {
        read(self.reader(), id).await
    }

    /// Applies what the configuration says where it says something else than at the last start.
    ///
    /// A cap that was changed at run time stays until the configured one is changed.
    pub async fn seed_pool(&self, configured: &Pool) -> Result<Pool, StoreError> {
        let says = json!({ "cap": configured.cap, "reserves": configured.reserves });
        let txn = self.begin().await?;
        txn.lock(vec![key_of(&configured.id)]).await?;
        let row = Entity::find_by_id(configured.id.as_str()).one(&txn).await?;
        let pool = match &row {
            None => configured.clone(),
            Some(row) => {
                let mut pool = pool_of(row)?;
                if row.configured.get("cap") != says.get("cap") {
                    pool.cap = configured.cap;
                }
                if row.configured.get("reserves") != says.get("reserves") {
                    pool.reserves.clone_from(&configured.reserves);
                }
                pool
            }
        };
        put(&txn, &pool, says).await?;
        txn.commit().await?;
        Ok(pool)
    }

    /// Changes cap and pause at run time.
    pub async fn change_pool(
        &self,
        id: &PoolId,
        cap: Option<u32>,
        paused: Option<bool>,
    ) -> Result<Option<Pool>, StoreError> {
        let txn = self.begin().await?;
        txn.lock(vec![key_of(id)]).await?;
        let Some(row) = Entity::find_by_id(id.as_str()).one(&txn).await? else { return Ok(None) };
        let mut pool = pool_of(&row)?;
        pool.cap = cap.unwrap_or(pool.cap);
        pool.paused = paused.unwrap_or(pool.paused);
        put(&txn, &pool, row.configured).await?;
        txn.commit().await?;
        Ok(Some(pool))
    }
}
