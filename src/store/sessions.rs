//! The session table, read: one call, listings, who holds a slot.

use chrono::{DateTime, Utc};
use entity::active_call_session::{Column, Entity, Model};
use entity::call_reference;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::connection::Store;
use super::port::{Sequence, StoreError};
use super::row::{PROVIDER, record_of, row_of};
use crate::domain::admission::Holder;
use crate::domain::call::{Record, Reference, References, SlotState, Status};
use crate::domain::ids::{BusinessId, CallId};
use crate::domain::reconciliation::Row;

/// Calls asked for in one statement: either database takes only so many values.
const CHUNK: usize = 1_000;

/// One row of the session table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The call.
    pub call_id: CallId,
    /// What it is.
    pub record: Record,
    /// The sequence of its latest event.
    pub sequence: Sequence,
    /// When its latest event was stored.
    pub updated_at: DateTime<Utc>,
}

impl Session {
    /// What it has in the ledger, as a holder.
    pub fn holder(&self) -> Option<Holder> {
        Holder::of(self.call_id, &self.record)
    }
}

impl From<Session> for Row {
    fn from(Session { call_id, record, sequence, updated_at }: Session) -> Self {
        Self { call_id, record, as_of: sequence.0, updated_at }
    }
}

impl TryFrom<Model> for Session {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let (call_id, record, sequence) = record_of(&row)?;
        Ok(Self { call_id, record, sequence, updated_at: row.updated_at })
    }
}

/// Takes a place at the provider, or may. In the words of the index on these rows, which a bound value would hide.
pub(super) fn is_live() -> SimpleExpr {
    Expr::cust("slot IN ('held', 'overflow')")
}

/// Its hang-up was reported because it takes long. PostgreSQL takes the value out of the JSON as a text, SQLite as a number.
fn is_stalled() -> SimpleExpr {
    Expr::cust("CAST(metadata ->> 'hangUpStalled' AS TEXT) IN ('true', '1')")
}

/// Which calls to list.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// In one of these states; empty: any.
    pub statuses: Vec<Status>,
    /// Of this business.
    pub business_id: Option<BusinessId>,
    /// With this conversation.
    pub provider_call_id: Option<String>,
    /// Announced at or after.
    pub from: Option<DateTime<Utc>>,
    /// Announced before.
    pub to: Option<DateTime<Utc>>,
}

/// Where a page begins, and how long it is.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The last row of the page before.
    pub after: Option<(DateTime<Utc>, CallId)>,
    /// Rows at most.
    pub limit: u64,
}

/// One page, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The calls.
    pub sessions: Vec<Session>,
    /// Where the next page begins; none at the end.
    pub next: Option<(DateTime<Utc>, CallId)>,
}

impl Store {
    /// The session of a call.
    pub async fn session(&self, call_id: CallId) -> Result<Option<Session>, StoreError> {
        Entity::find_by_id(call_id.to_string()).one(self.reader()).await?.map(Session::try_from).transpose()
    }

    /// The sessions of several calls, in no order.
    pub async fn sessions_of(&self, call_ids: &[CallId]) -> Result<Vec<Session>, StoreError> {
        let mut sessions = Vec::new();
        for some in call_ids.chunks(CHUNK) {
            let ids = some.iter().map(CallId::to_string);
            let rows = Entity::find().filter(Column::CallId.is_in(ids)).all(self.reader()).await?;
            for row in rows {
                sessions.push(Session::try_from(row)?);
            }
        }
        Ok(sessions)
    }

    /// The call that has one of these names at the provider.
    pub async fn call_of(&self, references: &References) -> Result<Option<CallId>, StoreError> {
        for reference in references.iter() {
            let key = (PROVIDER.to_owned(), reference.kind.as_str().to_owned(), reference.value.clone());
            if let Some(row) = call_reference::Entity::find_by_id(key).one(self.reader()).await? {
                return row.call_id.parse().map(Some).map_err(|error| StoreError(format!("{}: {error}", row.call_id)));
            }
        }
        Ok(None)
    }

    /// Every call that takes a place at the provider, or may; oldest first. One row that cannot be read is an error
    /// that names it: a ledger without that call would give its slot to another.
    pub async fn live_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let rows = Entity::find().filter(is_live()).order_by_asc(Column::CreatedAt).all(self.reader()).await?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// The next `limit` live calls after `after`, in the order of their ids.
    pub async fn live_page(&self, after: Option<CallId>, limit: u64) -> Result<Vec<Session>, StoreError> {
        let mut query = Entity::find().filter(is_live());
        if let Some(after) = after {
            query = query.filter(Column::CallId.gt(after.to_string()));
        }
        let rows = query.order_by_asc(Column::CallId).limit(limit).all(self.reader()).await?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Live calls whose conversation is not known: they are being placed, or only the provider can tell what they are.
    pub async fn unbound_sessions(&self) -> Result<Vec<Session>, StoreError> {
        let rows = Entity::find().filter(is_live()).filter(Column::ProviderCallId.is_null()).all(self.reader()).await?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// How many calls are live, and how many of them are conversations.
    pub async fn count_live(&self) -> Result<(u64, u64), StoreError> {
        let counts: Option<(i64, i64)> = Entity::find()
            .select_only()
            .column_as(Column::CallId.count(), "calls")
            .column_as(Column::ProviderCallId.count(), "conversations")
            .filter(is_live())
            .into_tuple()
            .one(self.reader())
            .await?;
        let (calls, conversations) = counts.unwrap_or_default();
        Ok((u64::try_from(calls).unwrap_or(0), u64::try_from(conversations).unwrap_or(0)))
    }

    /// Moments that part the live calls, in the order of their beginnings, into as many groups of about one size.
    pub async fn live_partition(&self, groups: u64) -> Result<Vec<DateTime<Utc>>, StoreError> {
        let (calls, _) = self.count_live().await?;
        let mut moments: Vec<DateTime<Utc>> = Vec::new();
        for group in 1..groups {
            let query = Entity::find().select_only().column(Column::CreatedAt).filter(is_live());
            let query = query.order_by_asc(Column::CreatedAt).offset(calls * group / groups).limit(1);
            moments.extend(query.into_tuple::<DateTime<Utc>>().one(self.reader()).await?);
        }
        moments.dedup();
        Ok(moments)
    }

    /// One page of the calls that match, newest first. Abandoned admissions never were, and are not listed.
    pub async fn list_sessions(&self, filter: &SessionFilter, page: &PageRequest) -> Result<Page, StoreError> {
        let mut query = Entity::find().filter(Column::Slot.ne(SlotState::None.as_str()));
        if !filter.statuses.is_empty() {
            query = query.filter(Column::Status.is_in(filter.statuses.iter().map(|status| status.as_str())));
        }
        if let Some(business) = &filter.business_id {
            query = query.filter(Column::BusinessId.eq(business.as_str()));
        }
        if let Some(conversation) = &filter.provider_call_id {
            query = query.filter(Column::ProviderCallId.eq(conversation));
        }
        if let Some(from) = filter.from {
            query = query.filter(Column::CreatedAt.gte(from));
        }
        if let Some(to) = filter.to {
            query = query.filter(Column::CreatedAt.lt(to));
        }
        if let Some((at, call_id)) = page.after {
            let same_moment =
                Condition::all().add(Column::CreatedAt.eq(at)).add(Column::CallId.lt(call_id.to_string()));
            query = query.filter(Condition::any().add(Column::CreatedAt.lt(at)).add(same_moment));
        }
        let rows = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::CallId)
            .limit(page.limit + 1)
            .all(self.reader())
            .await?;
        let mut sessions = rows.into_iter().map(Session::try_from).collect::<Result<Vec<_>, _>>()?;
        let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = sessions.len() > wanted;
        sessions.truncate(wanted);
        let next = sessions.last().filter(|_| more).map(|last| (last.record.announced_at, last.call_id));
        Ok(Page { sessions, next })
    }

    /// How many calls are live, by state.
    pub async fn count_live_by_status(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = Entity::find()
            .select_only()
            .column(Column::Status)
            .column_as(Column::CallId.count(), "calls")
            .filter(is_live())
            .group_by(Column::Status)
            .into_tuple()
            .all(self.reader())
            .await?;
        rows.into_iter()
            .map(|(status, calls)| Ok((status.parse().map_err(StoreError)?, u64::try_from(calls).unwrap_or(0))))
            .collect()
    }

    /// How many calls are being hung up for so long that it was reported.
    pub async fn count_stalled(&self) -> Result<u64, StoreError> {
        let count: Option<i64> = Entity::find()
            .select_only()
            .column_as(Column::CallId.count(), "calls")
            .filter(is_live())
            .filter(Column::Status.eq(Status::Terminating.as_str()))
            .filter(is_stalled())
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(u64::try_from(count.unwrap_or(0)).unwrap_or(0))
    }

    /// How many live calls a business has.
    pub async fn count_live_of(&self, business: &BusinessId) -> Result<u64, StoreError> {
        let count: Option<i64> = Entity::find()
            .select_only()
            .column_as(Column::CallId.count(), "calls")
            .filter(is_live())
            .filter(Column::BusinessId.eq(business.as_str()))
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(u64::try_from(count.unwrap_or(0)).unwrap_or(0))
    }
}

/// For replaying the log.
impl Store {
    /// The calls that have a row, but no events.
    pub async fn sessions_without_events(&self) -> Result<Vec<CallId>, StoreError> {
        let with_events = sea_orm::sea_query::Query::select()
            .column(entity::call_event::Column::CallId)
            .from(entity::call_event::Entity)
            .to_owned();
        let rows = Entity::find().filter(Column::CallId.not_in_subquery(with_events)).all(self.reader()).await?;
        rows.iter().map(|row| record_of(row).map(|(call_id, _, _)| call_id)).collect()
    }

    /// The names that a call has at the provider, by the table of references.
    pub async fn references_of(&self, call_id: CallId) -> Result<References, StoreError> {
        let rows = call_reference::Entity::find()
            .filter(call_reference::Column::CallId.eq(call_id.to_string()))
            .all(self.reader())
            .await?;
        let read = |row: call_reference::Model| {
            Ok(Reference { kind: row.kind.parse().map_err(StoreError)?, value: row.value })
        };
        rows.into_iter().map(read).collect()
    }

    /// Writes the row and the references of a call as its events make them.
    pub async fn rewrite_session(
        &self,
        call_id: CallId,
        record: &Record,
        sequence: Sequence,
    ) -> Result<(), StoreError> {
        let txn = self.begin().await?;
        Entity::delete_by_id(call_id.to_string()).exec(&txn).await?;
        Entity::insert(row_of(call_id, record, sequence)).exec_without_returning(&txn).await?;
        for reference in record.references.iter() {
            let row = call_reference::ActiveModel {
                provider: Set(PROVIDER.to_owned()),
                kind: Set(reference.kind.as_str().to_owned()),
                value: Set(reference.value.clone()),
                call_id: Set(call_id.to_string()),
                created_at: Set(crate::sources::now()),
            };
            let key = [call_reference::Column::Provider, call_reference::Column::Kind, call_reference::Column::Value];
            let replace = OnConflict::columns(key).update_column(call_reference::Column::CallId).to_owned();
            call_reference::Entity::insert(row).on_conflict(replace).exec_without_returning(&txn).await?;
        }
        txn.commit().await?;
        Ok(())
    }
}
