//! The one place that opens a database for the contract, and small builders of what is written to it.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{active_call_session, call_event, call_reference, webhook_inbox};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Iterable, QueryOrder, QueryResult, Statement};
use tempfile::TempDir;

use crate::domain::call::{
    Call, Command, Context, Direction, InboundDecision, Profile, Record, Reference, References, Source, Witness,
    decide, evolve,
};
use crate::domain::ids::{CallId, PoolId};
use crate::domain::notice::{News, Notice};
use crate::sources;
use crate::store::{
    Append, Conflict, Delivery, DeliveryState, Epoch, EventStore, Home, NewEpoch, Sequence, Store, StoreOptions, Trace,
    Write, Written,
};

/// On which database a test runs: each runs on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

pub(crate) use Database::{Postgres, Sqlite};

/// One server for all tests of this process; it goes with the process.
static SERVER: LazyLock<callgate_rig::Postgres> =
    LazyLock::new(|| callgate_rig::Postgres::start_with(&["fsync=off", "max_connections=300"]));
/// Small enough for many tests at once, and for waiting to be met with.
pub(crate) const CONNECTIONS: StoreOptions = StoreOptions { max_connections: 4, patience: Duration::from_secs(5) };

/// A database of its own for one test.
pub(crate) struct Fresh {
    store: Store,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Deref for Fresh {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Fresh {
    /// Opens the same database once more, as another replica or a later process does.
    pub(crate) async fn open_again(&self) -> Store {
        Store::open_with(&self.url, CONNECTIONS).await.unwrap()
    }

    /// Makes PostgreSQL give connections that are opened from now on another isolation than its usual one.
    pub(crate) async fn isolate_by_default(&self, level: &str) {
        let (_, name) = self.url.rsplit_once('/').unwrap();
        let sql = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
        self.writer().execute_unprepared(&sql).await.unwrap();
    }
}

/// A database without a schema.
pub(crate) async fn empty(on: Database) -> Fresh {
    static DATABASES: AtomicU64 = AtomicU64::new(0);
    let folder = TempDir::new().unwrap();
    let url = match on {
        Sqlite => format!("sqlite://{}?mode=rwc", folder.path().join("callgate.db").display()),
        Postgres => SERVER.create_database(&format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed))),
    };
    Fresh { store: Store::open_with(&url, CONNECTIONS).await.unwrap(), url, _folder: folder }
}

/// A database with today's schema and nothing in it.
pub(crate) async fn fresh(on: Database) -> Fresh {
    let database = empty(on).await;
    database.migrate().await.unwrap();
    database
}

/// A column as the database has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) nullable: bool,
    pub(crate) key: bool,
}

/// The rows that `sql` gives, where it says the same in both dialects.
pub(crate) async fn ask(store: &Store, sql: &str) -> Vec<QueryResult> {
    store.reader().query_all_raw(Statement::from_string(store.backend(), sql)).await.unwrap()
}

/// The tables that the migrations made.
pub(crate) async fn tables(store: &Store) -> BTreeSet<String> {
    let sql = match store.backend() {
        DbBackend::Postgres => {
            "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    };
    let rows = ask(store, sql).await;
    rows.iter().map(|row| row.try_get("", "name").unwrap()).filter(|name| name != "seaql_migrations").collect()
}

/// The columns of a table.
pub(crate) async fn columns(store: &Store, table: &str) -> BTreeSet<Column> {
    let sql = match store.backend() {
        DbBackend::Postgres => format!(
            "SELECT attribute.attname::text AS name, NOT attribute.attnotnull AS nullable, \
             attribute.attnum = ANY (COALESCE(primary_key.indkey, '')::int2[]) AS is_key \
             FROM pg_attribute AS attribute \
             LEFT JOIN pg_index AS primary_key ON primary_key.indrelid = attribute.attrelid AND indisprimary \
             WHERE attribute.attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        ),
        _ => format!("SELECT name, \"notnull\" = 0 AS nullable, pk > 0 AS is_key FROM pragma_table_info('{table}')"),
    };
    let column = |row: &QueryResult| Column {
        name: row.try_get("", "name").unwrap(),
        nullable: row.try_get("", "nullable").unwrap(),
        key: row.try_get("", "is_key").unwrap(),
    };
    ask(store, &sql).await.iter().map(column).collect()
}

/// Every row that a commit may write.
#[derive(Debug, PartialEq)]
pub(crate) struct Footprint {
    pub(crate) events: Vec<call_event::Model>,
    pub(crate) references: Vec<call_reference::Model>,
    pub(crate) sessions: Vec<active_call_session::Model>,
    pub(crate) inbox: Vec<webhook_inbox::Model>,
}

/// What is stored now: a write that leaves no trace leaves it equal.
pub(crate) async fn footprint(store: &Store) -> Footprint {
    async fn all<E: EntityTrait>(store: &Store) -> Vec<E::Model> {
        let in_order = E::PrimaryKey::iter().fold(E::find(), |query, key| {
            use sea_orm::PrimaryKeyToColumn;
            query.order_by_asc(key.into_column())
        });
        in_order.all(store.reader()).await.unwrap()
    }
    Footprint {
        events: all::<call_event::Entity>(store).await,
        references: all::<call_reference::Entity>(store).await,
        sessions: all::<active_call_session::Entity>(store).await,
        inbox: all::<webhook_inbox::Entity>(store).await,
    }
}

/// The time at which the tests' calls are announced unless they say otherwise.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_515_200, 0).unwrap()
}

/// `milliseconds` after noon.
pub(crate) fn after_noon(milliseconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::milliseconds(milliseconds)
}

pub(crate) fn profile(direction: Direction, business: &str) -> Profile {
    Profile {
        pool: PoolId::default_pool(),
        business_id: business.parse().unwrap(),
        plan: "PRO".parse().unwrap(),
        direction,
        source: Source::api(),
        agent_id: "agent_1".parse().unwrap(),
        phone_number_id: None,
        counterpart: None,
        user_id: None,
        request_hash: None,
        max_duration_seconds: None,
    }
}

pub(crate) fn request() -> Command {
    request_of("42")
}

pub(crate) fn request_of(business: &str) -> Command {
    Command::Request { profile: profile(Direction::Outbound, business), epoch: 1, business_limit: 3 }
}

/// An inbound call that is admitted.
pub(crate) fn receive(references: &References) -> Command {
    Command::Receive {
        profile: profile(Direction::Inbound, "42"),
        references: references.clone(),
        decision: InboundDecision::Admit { epoch: 1, business_limit: 3 },
    }
}

pub(crate) fn placed(references: &References) -> Command {
    Command::ConfirmPlacement { references: references.clone(), witness: Witness::Answer }
}

/// These conversations.
pub(crate) fn conversations(values: &[&str]) -> References {
    values.iter().map(|value| Reference::conversation(*value)).collect()
}

/// A webhook whose body nobody else has.
pub(crate) fn delivery(body: &str, references: &References, state: DeliveryState) -> Delivery {
    Delivery {
        body_hash: body.to_owned(),
        event_type: "conversation.started".to_owned(),
        notice: Notice {
            news: News::Started,
            call_id: None,
            references: references.clone(),
            agent_id: Some("agent_1".parse().unwrap()),
            direction: Some(Direction::Outbound),
            counterpart: None,
            occurred_at: Some(noon()),
        },
        state,
        outcome: "test",
        call_id: None,
        received_at: noon(),
    }
}

/// One call as its session keeps it: the state, and the sequence of its latest event.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: CallId,
    pub(crate) call: Call,
    pub(crate) sequence: Sequence,
    pub(crate) now: DateTime<Utc>,
}

impl Session {
    /// A call that nobody has heard of.
    pub(crate) fn new() -> Self {
        Self { id: sources::new_call_id(), call: Call::Absent, sequence: Sequence::START, now: noon() }
    }

    /// The same at another time.
    pub(crate) fn at(self, now: DateTime<Utc>) -> Self {
        Self { now, ..self }
    }

    /// What the command makes of the call, ready to be committed; none where it says nothing new.
    pub(crate) fn decide(&self, command: Command) -> Option<Append> {
        let events = decide(&self.call, command, &Context { now: self.now }).unwrap_or_default();
        let call = events.iter().fold(self.call.clone(), evolve);
        let record = Record::of(&call).filter(|_| !events.is_empty())?;
        Some(Append {
            call_id: self.id,
            expected: self.sequence,
            events,
            record,
            epoch: None,
            delivery: None,
            settles: Vec::new(),
            trace: Trace::default(),
        })
    }

    /// The same, where it certainly says something new.
    pub(crate) fn append(&self, command: Command) -> Append {
        self.decide(command).expect("the command is news to the call")
    }

    /// Takes what was committed as what has happened.
    pub(crate) fn adopt(&mut self, append: &Append) {
        self.call = append.events.iter().fold(std::mem::take(&mut self.call), evolve);
        self.sequence = append.expected.after(append.events.len());
    }

    /// Commits the command, which must win.
    pub(crate) async fn tell(&mut self, store: &Store, command: Command) -> Written {
        let append = self.append(command);
        let written = commit(store, append.clone()).await.unwrap();
        self.adopt(&append);
        written
    }
}

/// A call that was admitted.
pub(crate) async fn admitted(store: &Store) -> Session {
    told(store, request()).await
}

/// A call to which only this has happened.
pub(crate) async fn told(store: &Store, command: Command) -> Session {
    let mut session = Session::new();
    session.tell(store, command).await;
    session
}

impl From<Append> for Write {
    fn from(append: Append) -> Self {
        Self::Append(Box::new(append))
    }
}

impl From<Delivery> for Write {
    fn from(delivery: Delivery) -> Self {
        Self::File(delivery)
    }
}

/// Begins the next epoch, as a ledger in memory does.
pub(crate) async fn next_epoch(store: &Store) -> Epoch {
    store.begin_epoch(&PoolId::default_pool(), NewEpoch::at(Home::Memory)).await.unwrap().state().epoch
}

/// An admission that carries this epoch.
pub(crate) fn admission(epoch: Epoch) -> Append {
    Append { epoch: Some(epoch), ..Session::new().append(request()) }
}

/// Commits one item.
pub(crate) async fn commit(store: &Store, write: impl Into<Write>) -> Result<Written, Conflict> {
    store.commit(&[write.into()]).await.unwrap().remove(0)
}
