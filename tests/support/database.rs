//! A PostgreSQL database of a test's own: on the server that all tests share, or on one that the test may kill.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use callgate_rig::Postgres;

/// One server for all tests of a process. A test's power cut is the end of a process, not of the machine: no fsync.
static SHARED: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::start_with(&["fsync=off", "max_connections=300", "shared_buffers=64MB"]));

static MADE: AtomicU32 = AtomicU32::new(0);

/// One database, which nobody else uses.
#[derive(Debug)]
pub(crate) struct Database {
    own: Option<Postgres>,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// One on the shared server.
    pub(crate) fn new() -> Self {
        Self::on(None)
    }

    /// One on a server of its own.
    pub(crate) fn on_a_server_of_its_own() -> Self {
        Self::on(Some(Postgres::start()))
    }

    fn on(own: Option<Postgres>) -> Self {
        let name = format!("cluster_{}", MADE.fetch_add(1, Ordering::SeqCst));
        let url = own.as_ref().unwrap_or(&SHARED).create_database(&name);
        Self { own, name, url }
    }

    /// What `psql` prints: a row per line, columns parted by `|`.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.own.as_ref().unwrap_or(&SHARED).ask(&self.name, sql)
    }

    /// The rows of one column.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        self.ask(sql).lines().map(str::to_owned).collect()
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> u64 {
        self.ask(sql).parse().unwrap()
    }

    /// The server, which must be this test's own.
    pub(crate) fn server(&mut self) -> &mut Postgres {
        self.own.as_mut().expect("the server is the test's own")
    }
}
