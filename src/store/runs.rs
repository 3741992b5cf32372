//! The sweeps that were run, with what each found.

use chrono::{DateTime, Utc};
use entity::reconciliation_run::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::connection::Store;
use super::port::StoreError;
use crate::sources;

/// One sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `full`, `ledger`, `provider` or `ends`.
    pub scope: String,
    /// `start`, `interval`, `demand`, `doubt`, `request` or `command`.
    pub trigger: String,
    /// The replica that swept.
    pub node: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was done.
    pub finished_at: DateTime<Utc>,
    /// What it found and did.
    pub report: Value,
}

impl From<Model> for Run {
    fn from(Model { id: _, scope, trigger, node, started_at, finished_at, report }: Model) -> Self {
        Self { scope, trigger, node, started_at, finished_at, report }
    }
}

/// Everything that was asked answered. PostgreSQL takes the value out of the JSON as a text, SQLite as a number.
fn was_answered() -> SimpleExpr {
    Expr::cust("CAST(report ->> 'success' AS TEXT) IN ('true', '1')")
}

impl Store {
    /// Keeps a sweep's report.
    pub async fn record_run(&self, run: &Run) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(sources::new_uuid().to_string()),
            scope: Set(run.scope.clone()),
            trigger: Set(run.trigger.clone()),
            node: Set(run.node.clone()),
            started_at: Set(run.started_at),
            finished_at: Set(run.finished_at),
            report: Set(run.report.clone()),
        };
        Entity::insert(row).exec_without_returning(self.writer()).await?;
        Ok(())
    }

    /// Forgets the sweeps that began before.
    pub async fn forget_runs(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::StartedAt.lt(before)).exec(self.writer()).await?;
        Ok(())
    }

    /// When the last full sweep to which everything answered was done, on any replica; none where none is kept.
    pub async fn last_full_sweep(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let latest = Entity::find()
            .select_only()
            .column(Column::FinishedAt)
            .filter(Column::Scope.eq("full"))
            .filter(was_answered())
            .order_by_desc(Column::StartedAt)
            .limit(1)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(latest)
    }

    /// The latest `limit` sweeps of a scope, or of any, newest first.
    pub async fn runs(&self, limit: u64, scope: Option<&str>) -> Result<Vec<Run>, StoreError> {
        let mut query = Entity::find();
        if let Some(scope) = scope {
            query = query.filter(Column::Scope.eq(scope));
        }
        let rows = query.order_by_desc(Column::StartedAt).limit(limit).all(self.reader()).await?;
        Ok(rows.into_iter().map(Run::from).collect())
    }

    /// The newest sweep of these scopes that began after a moment, if there is one: whoever knows the newest until then
    /// reads a long report once.
    pub async fn run_after(&self, scopes: &[&str], after: Option<DateTime<Utc>>) -> Result<Option<Run>, StoreError> {
        let mut query = Entity::find().filter(Column::Scope.is_in(scopes.iter().copied()));
        if let Some(after) = after {
            query = query.filter(Column::StartedAt.gt(after));
        }
        Ok(query.order_by_desc(Column::StartedAt).limit(1).one(self.reader()).await?.map(Run::from))
    }
}
