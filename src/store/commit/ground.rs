//! What is stored about everything that a batch could collide on, read in few statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{active_call_session, call_reference, webhook_inbox};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::super::connection::Transaction;
use super::super::epoch::{self, Epoch};
use super::super::inbox::{self, ParkedNotice};
use super::super::port::Sequence;
use super::super::row::PROVIDER;
use super::effects::CHUNK;
use super::stakes::Stakes;
use crate::domain::call::Reference;
use crate::domain::ids::{CallId, PoolId};
use crate::domain::notice::Notice;

/// What the verdicts stand on; it grows with each winner of the batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// The pool's epoch, where somebody asked.
    pub(super) epoch: Epoch,
    /// Webhooks that are filed.
    pub(super) bodies: HashSet<String>,
    /// Which call has a name; nobody, where the row cannot be read: then nobody can be sent there.
    pub(super) owners: HashMap<Reference, Option<CallId>>,
    /// Where the streams stand; those that do not exist are missing.
    pub(super) sequences: HashMap<CallId, Sequence>,
    /// Webhooks that wait for a name that would be learnt, oldest first.
    pub(super) waiting: Vec<Waiting>,
    /// Webhooks that a winner has settled.
    pub(super) settled: HashSet<i64>,
}

/// Where a waiting webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the inbox, under this number.
    Stored(i64),
    /// Filed by an earlier winner; it has no number yet.
    Filed(String),
}

/// A webhook that waits for its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) place: Place,
    pub(super) notice: Notice,
    pub(super) received_at: DateTime<Utc>,
}

impl Waiting {
    /// As whoever waits for it sees it. `filed` has the numbers of what was filed just now.
    pub(super) fn into_notice(self, filed: &HashMap<String, i64>) -> Option<ParkedNotice> {
        let id = match self.place {
            Place::Stored(id) => id,
            Place::Filed(body) => *filed.get(&body)?,
        };
        Some(ParkedNotice { id, notice: self.notice, received_at: self.received_at })
    }
}

impl Ground {
    pub(super) async fn read(txn: &Transaction, stakes: &Stakes<'_>) -> Result<Self, DbErr> {
        let epoch = if stakes.fenced { epoch::current(txn, &PoolId::default_pool()).await? } else { Epoch::default() };
        Ok(Self {
            epoch,
            bodies: bodies(txn, &stakes.bodies).await?,
            owners: owners(txn, stakes.names().collect()).await?,
            sequences: sequences(txn, &stakes.calls).await?,
            waiting: waiting(txn, &stakes.learned).await?,
            settled: HashSet::new(),
        })
    }
}

async fn bodies(txn: &Transaction, asked: &BTreeSet<&str>) -> Result<HashSet<String>, DbErr> {
    use webhook_inbox::{Column, Entity};
    let mut bodies = HashSet::new();
    for chunk in Vec::from_iter(asked).chunks(CHUNK) {
        let known = Column::BodyHash.is_in(chunk.iter().map(|body| **body));
        let query = Entity::find().select_only().column(Column::BodyHash).filter(known);
        bodies.extend(query.into_tuple::<String>().all(txn).await?);
    }
    Ok(bodies)
}

async fn owners(txn: &Transaction, asked: Vec<&Reference>) -> Result<HashMap<Reference, Option<CallId>>, DbErr> {
    use call_reference::{Column, Entity};
    let mut owners = HashMap::new();
    for chunk in asked.chunks(CHUNK) {
        let kinds: BTreeSet<_> = chunk.iter().map(|name| name.kind.as_str()).collect();
        let rows = Entity::find()
            .filter(Column::Provider.eq(PROVIDER))
            .filter(Column::Kind.is_in(kinds))
            .filter(Column::Value.is_in(chunk.iter().map(|name| name.value.as_str())))
            .all(txn)
            .await?;
        owners.extend(rows.into_iter().filter_map(|row| {
            Some((Reference { kind: row.kind.parse().ok()?, value: row.value }, row.call_id.parse().ok()))
        }));
    }
    Ok(owners)
}

async fn sequences(txn: &Transaction, asked: &BTreeSet<CallId>) -> Result<HashMap<CallId, Sequence>, DbErr> {
    use active_call_session::{Column, Entity};
    let mut sequences = HashMap::new();
    for chunk in Vec::from_iter(asked).chunks(CHUNK) {
        let query = Entity::find()
            .select_only()
            .columns([Column::CallId, Column::Sequence])
            .filter(Column::CallId.is_in(chunk.iter().map(ToString::to_string)));
        let rows = query.into_tuple::<(String, i64)>().all(txn).await?;
        sequences.extend(rows.into_iter().filter_map(|(call_id, sequence)| {
            Some((call_id.parse().ok()?, Sequence(u64::try_from(sequence).unwrap_or(0))))
        }));
    }
    Ok(sequences)
}

async fn waiting(txn: &Transaction, asked: &BTreeSet<&Reference>) -> Result<Vec<Waiting>, DbErr> {
    let mut rows = Vec::new();
    for chunk in Vec::from_iter(asked).chunks(CHUNK) {
        rows.extend(inbox::parked_for(txn, chunk.iter().map(|name| **name)).await?);
    }
    // One webhook may wait for names of two chunks.
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    let readable = rows.into_iter().filter_map(|row| ParkedNotice::try_from(row).ok());
    let waiting = |ParkedNotice { id, notice, received_at }| Waiting { place: Place::Stored(id), notice, received_at };
    Ok(readable.map(waiting).collect())
}
