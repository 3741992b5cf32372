//! The rows of a batch's winners, written in few statements. Only they are written: nothing is undone.

use std::collections::HashMap;

use entity::{active_call_session, call_event, call_reference, webhook_inbox};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Statement, Value};

use super::super::bulletin::Bulletin;
use super::super::codec::{SCHEMA_VERSION, encode};
use super::super::connection::{Key, Transaction};
use super::super::inbox::{self, Delivery};
use super::super::port::{Append, Conflict, Sequence, Trace};
use super::super::row::{PROVIDER, row_of};
use super::ground::{Place, Waiting};
use super::verdict::{Effect, Settled};
use crate::domain::call::{CallEvent, Reference};
use crate::domain::ids::CallId;
use crate::sources;

/// Rows, or keys, in one statement: with 15 columns each they stay below the 32 766 values that SQLite takes, and the
/// 65 535 of PostgreSQL.
pub(super) const CHUNK: usize = 1_000;

/// What all winners do, in their order.
#[derive(Debug, Default)]
pub(super) struct Effects<'a> {
    pub(super) filed: Vec<&'a Delivery>,
    pub(super) settled: Vec<Settled<'a>>,
    pub(super) named: Vec<(&'a Reference, CallId)>,
    pub(super) moved: Vec<Moved<'a>>,
    pub(super) happened: Vec<Happened<'a>>,
}

/// A session that moves, by one winner or several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved<'a> {
    first: &'a Append,
    pub(super) last: &'a Append,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Happened<'a> {
    ToACall(&'a Append),
    AtTheGate(&'a Bulletin),
}

impl<'a> Effects<'a> {
    /// Adds what the next winner does.
    pub(super) fn add(&mut self, effect: &Effect<'a>) {
        self.filed.extend(effect.filed);
        self.settled.extend(&effect.settled);
        self.named.extend(&effect.named);
        self.happened.extend(effect.noted.map(Happened::AtTheGate));
        let Some(append) = effect.moved else { return };
        self.happened.push(Happened::ToACall(append));
        match self.moved.iter_mut().find(|moved| moved.last.call_id == append.call_id) {
            Some(moved) => moved.last = append,
            None => self.moved.push(Moved { first: append, last: append }),
        }
    }

    /// Writes everything. Gives the numbers of the webhooks filed by it that `verdicts` hand on.
    pub(super) async fn write(
        &self,
        txn: &Transaction,
        verdicts: &[Result<Vec<Waiting>, Conflict>],
    ) -> Result<HashMap<String, i64>, DbErr> {
        for chunk in self.filed.chunks(CHUNK) {
            let rows = chunk.iter().map(|delivery| inbox::row_of(delivery));
            webhook_inbox::Entity::insert_many(rows).exec_without_returning(txn).await?;
        }
        for chunk in self.settled.chunks(CHUNK) {
            settle(txn, chunk).await?;
        }
        for chunk in self.named.chunks(CHUNK) {
            let rows = chunk.iter().map(|(name, call_id)| reference_row(name, *call_id));
            call_reference::Entity::insert_many(rows).exec_without_returning(txn).await?;
        }
        for chunk in self.moved.chunks(CHUNK) {
            move_sessions(txn, chunk).await?;
        }
        self.tell(txn).await?;
        numbers_of(txn, verdicts).await
    }

    /// Appends to the log.
    async fn tell(&self, txn: &Transaction) -> Result<(), DbErr> {
        let rows: Vec<_> = self.happened.iter().flat_map(|happened| happened.rows()).collect();
        if rows.is_empty() {
            return Ok(());
        }
        // Positions are given when rows are inserted, and seen when they are committed. A reader that resumes after
        // position 8 never asks for a 7 that is committed later: so only one transaction at a time is between the
        // two, and the order of positions is the order of commits. It is the last lock, held for no other statement.
        txn.lock(vec![Key::of("feed", "")]).await?;
        for chunk in rows.chunks(CHUNK) {
            call_event::Entity::insert_many(chunk.to_vec()).exec_without_returning(txn).await?;
        }
        Ok(())
    }
}

impl Happened<'_> {
    fn rows(self) -> Vec<call_event::ActiveModel> {
        match self {
            Self::ToACall(append) => event_rows(append),
            Self::AtTheGate(bulletin) => vec![bulletin_row(bulletin)],
        }
    }
}

/// Settles those that wait.
async fn settle(txn: &Transaction, settled: &[Settled<'_>]) -> Result<(), DbErr> {
    let mut values: Vec<Value> = vec![sources::now().into()];
    let mut fates = Vec::with_capacity(settled.len());
    for Settled { id, outcome, call_id } in settled {
        let next = values.len() + 1;
        fates.push(format!("(${}, ${}, ${})", next, next + 1, next + 2));
        values.extend([(*id).into(), (*outcome).into(), call_id.map(|call_id| call_id.to_string()).into()]);
    }
    // Both databases call the columns of a list of values so.
    let sql = format!(
        "UPDATE webhook_inbox SET state = 'settled', outcome = fate.column2, call_id = fate.column3, settled_at = $1 \
         FROM (VALUES {}) AS fate \
         WHERE webhook_inbox.id = fate.column1 AND webhook_inbox.state IN ('parked', 'early')",
        fates.join(", ")
    );
    txn.execute_raw(Statement::from_sql_and_values(txn.get_database_backend(), sql, values)).await?;
    Ok(())
}

fn reference_row(name: &Reference, call_id: CallId) -> call_reference::ActiveModel {
    call_reference::ActiveModel {
        provider: Set(PROVIDER.to_owned()),
        kind: Set(name.kind.as_str().to_owned()),
        value: Set(name.value.clone()),
        call_id: Set(call_id.to_string()),
        created_at: Set(sources::now()),
    }
}

/// Inserts the sessions that are new and moves the others.
async fn move_sessions(txn: &Transaction, moved: &[Moved<'_>]) -> Result<(), DbErr> {
    use active_call_session::{Column, Entity};
    let rows = moved.iter().map(|Moved { first, last }| {
        let mut row = row_of(last.call_id, &last.record, last.expected.after(last.events.len()));
        row.created_at = Set(first.record.announced_at);
        row
    });
    let forward = Expr::col((Entity, Column::Sequence)).lt(Expr::col(("excluded", Column::Sequence)));
    let replace = OnConflict::column(Column::CallId)
        .update_columns([
            Column::ProviderCallId,
            Column::Pool,
            Column::BusinessId,
            Column::Plan,
            Column::Direction,
            Column::Status,
            Column::Slot,
            Column::Provider,
            Column::StartedAt,
            Column::EndedAt,
            Column::Metadata,
            Column::Sequence,
            Column::UpdatedAt,
        ])
        .action_and_where(forward)
        .to_owned();
    let written = Entity::insert_many(rows).on_conflict(replace).exec_without_returning(txn).await?;
    // The locks see to it. Should they fail, this and the unique (call_id, sequence) of the log do.
    if usize::try_from(written).ok() != Some(moved.len()) {
        return Err(DbErr::Custom("a session has moved in spite of its lock".to_owned()));
    }
    Ok(())
}

fn event_rows(append: &Append) -> Vec<call_event::ActiveModel> {
    let row = |(CallEvent { occurred_at, kind }, place): (&CallEvent, usize)| {
        let (event_type, _, data) = encode(kind);
        let mut row = event_row(append.call_id, append.expected.after(place), event_type, data, &append.trace);
        row.occurred_at = Set(*occurred_at);
        row
    };
    append.events.iter().zip(1..).map(row).collect()
}

fn bulletin_row(bulletin: &Bulletin) -> call_event::ActiveModel {
    let value = serde_json::to_value(bulletin).expect("a bulletin is a map with text keys");
    let data = value.get("data").cloned().unwrap_or_default();
    event_row(sources::new_call_id(), Sequence(1), bulletin.name(), data, &Trace::default())
}

fn event_row(
    call_id: CallId,
    sequence: Sequence,
    event_type: &str,
    data: serde_json::Value,
    trace: &Trace,
) -> call_event::ActiveModel {
    let now = sources::now();
    call_event::ActiveModel {
        position: NotSet,
        call_id: Set(call_id.to_string()),
        sequence: Set(i64::try_from(sequence.0).expect("a call has fewer than 2^63 events")),
        event_type: Set(event_type.to_owned()),
        schema_version: Set(SCHEMA_VERSION),
        data: Set(data),
        occurred_at: Set(now),
        recorded_at: Set(now),
        correlation_id: Set(trace.correlation_id.clone()),
        causation_id: Set(trace.causation_id.clone()),
        node: Set(sources::node().to_owned()),
    }
}

/// The numbers of the webhooks that were filed and met in one batch: a rare thing, asked for only then.
async fn numbers_of(
    txn: &Transaction,
    verdicts: &[Result<Vec<Waiting>, Conflict>],
) -> Result<HashMap<String, i64>, DbErr> {
    use webhook_inbox::{Column, Entity};
    let met = verdicts.iter().flatten().flatten().filter_map(|waiting| match &waiting.place {
        Place::Filed(body) => Some(body.as_str()),
        Place::Stored(_) => None,
    });
    let mut numbers = HashMap::new();
    for chunk in met.collect::<Vec<_>>().chunks(CHUNK) {
        let query = Entity::find().select_only().columns([Column::BodyHash, Column::Id]);
        let rows = query.filter(Column::BodyHash.is_in(chunk.iter().copied()));
        numbers.extend(rows.into_tuple::<(String, i64)>().all(txn).await?);
    }
    Ok(numbers)
}
