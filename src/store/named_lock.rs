//! Locks with a name: what one replica does for all of them, for as long as it renews.

use std::time::Duration;

use entity::named_lock::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement, Value};

use super::connection::Store;
use super::port::StoreError;
use crate::sources;

/// Who has a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockState {
    /// Its holder.
    pub holder: String,
    /// Whether that is who asked.
    pub mine: bool,
}

impl Store {
    /// Takes the lock for `for_` from now, where it is free, `holder` has it already, or its time is over by the
    /// database's clock.
    ///
    /// Where another holds it, that is for no longer than `for_` from now: who took it while the clock was ahead does
    /// not keep it until the clock is there again. So all who ask for one lock name about the same time.
    pub async fn hold_lock(&self, name: &str, holder: &str, for_: Duration) -> Result<LockState, StoreError> {
        let (now, until, moments) = self.moments(for_);
        let values = [name.into(), holder.into()].into_iter().chain(moments);
        // One statement, so that of two who ask at once one waits and sees what the other made of the row.
        let sql = format!(
            "INSERT INTO named_lock AS held (name, holder, held_until) VALUES ($1, $2, {until}) \
             ON CONFLICT (name) DO UPDATE SET \
             holder = CASE WHEN {free} THEN excluded.holder ELSE held.holder END, \
             held_until = CASE WHEN {free} OR held.held_until > excluded.held_until \
             THEN excluded.held_until ELSE held.held_until END \
             RETURNING holder",
            free = format_args!("held.holder = excluded.holder OR held.held_until <= {now}"),
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let row = self.writer().query_one_raw(statement).await?;
        let row = row.ok_or_else(|| StoreError(format!("nobody holds the lock {name}")))?;
        let now_held_by: String = row.try_get("", "holder")?;
        Ok(LockState { mine: now_held_by == holder, holder: now_held_by })
    }

    /// Lets go of the lock, where `holder` has it.
    pub async fn release_lock(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Name.eq(name))
            .filter(Column::Holder.eq(holder))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Whether anybody has the lock, by the database's clock.
    pub async fn is_locked(&self, name: &str) -> Result<bool, StoreError> {
        let query = Entity::find().filter(Column::Name.eq(name));
        let query = match self.backend() {
            DbBackend::Postgres => query.filter(Expr::cust("held_until > clock_timestamp()")),
            _ => query.filter(Column::HeldUntil.gt(sources::now())),
        };
        Ok(query.one(self.reader()).await?.is_some())
    }

    /// Now, and `for_` later, as the statement says them, with the values that it needs from its third on.
    fn moments(&self, for_: Duration) -> (&'static str, &'static str, Vec<Value>) {
        if self.backend() == DbBackend::Postgres {
            let milliseconds = i64::try_from(for_.as_millis()).unwrap_or(i64::MAX);
            let until = "clock_timestamp() + $3 * interval '1 millisecond'";
            return ("clock_timestamp()", until, vec![milliseconds.into()]);
        }
        let now = sources::now();
        ("$4", "$3", vec![(now + for_).into(), now.into()])
    }
}
