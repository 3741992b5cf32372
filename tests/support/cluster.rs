//! Several replicas of callgate, each a process of its own, on one PostgreSQL and one Redis, next to one provider.
//! When a cluster goes, it is checked that the provider never saw more outbound calls at once than the highest cap,
//! and that no whole telephone number and no secret is in any log.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

use callgate_rig::Redis;
use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;

use super::database::Database;
use super::door::{Door, HighestCap};
use super::gate::{PROVIDER_CAP, SECRET, assert_discreet, settings};
use super::http::Ask;
use super::process::{Process, callgate};
use super::provider::Provider;
use super::proxy::Proxy;
use super::wait::{eventually, settles};

/// How a cluster is to be set up.
pub(crate) struct Builder {
    replicas: usize,
    cap: u32,
    lines_to_redis: bool,
    own_database: bool,
    env: BTreeMap<String, String>,
}

impl Builder {
    /// Calls at once.
    pub(crate) fn cap(mut self, cap: u32) -> Self {
        self.cap = cap;
        self
    }

    /// Puts a line between each replica and Redis that can be slowed, held or cut, or lead elsewhere.
    pub(crate) fn lines_to_redis(mut self) -> Self {
        self.lines_to_redis = true;
        self
    }

    /// Gives the cluster a PostgreSQL that the test may kill.
    pub(crate) fn own_database(mut self) -> Self {
        self.own_database = true;
        self
    }

    /// A setting of every replica, as the environment names it.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Compares ledger and table every second.
    pub(crate) fn sweeps_the_ledger(self) -> Self {
        self.env("CALLGATE__RECONCILE__LEDGER_INTERVAL_SECONDS", "1")
            .env("CALLGATE__RECONCILE__STARTUP_DELAY_SECONDS", "0")
    }

    /// Starts everything but the replicas.
    pub(crate) async fn prepare(self) -> Cluster {
        let folder = TempDir::new().unwrap();
        let provider = Provider::start(folder.path(), PROVIDER_CAP, SECRET);
        let redis = Redis::start();
        let database = if self.own_database { Database::on_a_server_of_its_own() } else { Database::new() };
        let highest_cap = HighestCap::of(self.cap);
        let mut shared = settings(folder.path(), &provider.address);
        shared.insert("DATABASE_URL".to_owned(), database.url.clone());
        shared.insert("GLOBAL_CAP".to_owned(), self.cap.to_string());
        shared.extend(self.env);
        let replicas = (1..=self.replicas).map(|number| {
            let line = self.lines_to_redis.then(|| Proxy::to(&redis.url()));
            let redis = line.as_ref().map_or_else(|| redis.url(), |line| format!("redis://{}", line.authority()));
            let mut env = shared.clone();
            env.insert("REDIS_URL".to_owned(), redis);
            env.insert("CALLGATE_NODE".to_owned(), format!("replica-{number}"));
            Replica { process: None, door: Door::new(String::new(), &highest_cap), line, env }
        });
        let replicas = replicas.collect();
        let cluster = Cluster {
            replicas,
            front: Proxy::to_any(&[]),
            addresses: Addresses::default(),
            provider,
            redis,
            database,
            highest_cap,
            folder,
        };
        cluster.provider.put_webhook(&cluster.front.address).await;
        cluster
    }

    /// Starts everything, all replicas at once; returns when each of them admits calls.
    pub(crate) async fn start(self) -> Cluster {
        let mut cluster = self.prepare().await;
        cluster.start_all();
        cluster.admits().await;
        cluster
    }
}

/// Where requests may go now, also for callers on other threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses(Arc<Mutex<Vec<String>>>);

impl Addresses {
    /// The address for the request of this number: each replica in turn.
    pub(crate) fn nth(&self, number: usize) -> Option<String> {
        let addresses = self.0.lock().unwrap();
        (!addresses.is_empty()).then(|| addresses[number % addresses.len()].clone())
    }
}

/// How many calls are live, in every place that says so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Views {
    provider: u64,
    table: u64,
    /// The ledger as each replica sees it: held, and beyond the cap.
    ledgers: Vec<(u64, u64)>,
}

/// One of the processes that share the slots.
#[derive(Debug)]
pub(crate) struct Replica {
    process: Option<Process>,
    door: Door,
    line: Option<Proxy>,
    env: BTreeMap<String, String>,
}

impl Replica {
    fn spawn(&mut self, folder: &Path) {
        let mut command = callgate(folder);
        command.arg("serve").envs(&self.env);
        self.process = Some(Process::spawn(command, &folder.join(format!("{}.log", self.node()))));
    }

    fn arrive(&mut self) {
        let process = self.process.as_mut().expect("it was started");
        self.door.moves_to(process.announced("callgate listening on "));
    }

    /// Its name.
    pub(crate) fn node(&self) -> &str {
        &self.env["CALLGATE_NODE"]
    }

    /// The line to Redis.
    pub(crate) fn line(&self) -> &Proxy {
        self.line.as_ref().expect("the cluster was built with lines to Redis")
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.running().id()
    }

    /// From its next start on it is without this setting.
    pub(crate) fn forget(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// Stops it in the middle of whatever it does (SIGSTOP).
    pub(crate) fn pause(&self) {
        self.running().pause();
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&self) {
        self.running().resume();
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.running().terminate();
    }

    /// A figure of `/proc/PID/status`, in KiB.
    pub(crate) fn memory_kib(&self, figure: &str) -> u64 {
        self.running().memory_kib(figure)
    }

    /// The peak of its memory counts from now on.
    pub(crate) fn forget_peak_memory(&self) {
        self.running().forget_peak_memory();
    }

    /// How it ended.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        self.process.as_mut().expect("it runs").exit()
    }

    /// The body of `GET /debug/actors/…`.
    pub(crate) async fn actor(&self, name: &str) -> Value {
        self.get(&format!("/debug/actors/{name}")).await.expect(200)
    }

    /// Where admissions are decided, as it says; empty while it is not ready.
    pub(crate) async fn mode(&self) -> String {
        let health = self.get("/health/ready").await;
        health.json()["mode"].as_str().unwrap_or_default().to_owned()
    }

    /// Calls of the ledger, as this replica sees it: held, and beyond the cap.
    pub(crate) async fn ledger(&self) -> (u64, u64) {
        let status = self.status().await;
        (status["activeCalls"].as_u64().unwrap(), status["overflow"].as_u64().unwrap())
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }
}

/// A replica is asked at its door, as any gate.
impl Deref for Replica {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

#[derive(Debug)]
pub(crate) struct Cluster {
    replicas: Vec<Replica>,
    /// A load balancer before all replicas; the provider's webhooks come through it.
    front: Proxy,
    addresses: Addresses,
    pub(crate) provider: Provider,
    pub(crate) redis: Redis,
    pub(crate) database: Database,
    highest_cap: HighestCap,
    folder: TempDir,
}

impl Cluster {
    pub(crate) fn of(replicas: usize) -> Builder {
        Builder { replicas, cap: 5, lines_to_redis: false, own_database: false, env: BTreeMap::new() }
    }

    /// The replica of that number, counted from 1 as in its name.
    pub(crate) fn replica(&self, number: usize) -> &Replica {
        &self.replicas[number - 1]
    }

    pub(crate) fn replica_mut(&mut self, number: usize) -> &mut Replica {
        &mut self.replicas[number - 1]
    }

    /// The address of the load balancer.
    pub(crate) fn front(&self) -> &str {
        &self.front.address
    }

    /// Those that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|replica| replica.process.is_some())
    }

    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The settings of a replica.
    pub(crate) fn env(&self, number: usize) -> &BTreeMap<String, String> {
        &self.replica(number).env
    }

    /// From their next start on all replicas have this setting.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        for replica in &mut self.replicas {
            replica.env.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Starts every replica at once, and waits until each listens.
    pub(crate) fn start_all(&mut self) {
        for replica in &mut self.replicas {
            replica.spawn(self.folder.path());
        }
        for replica in &mut self.replicas {
            replica.arrive();
        }
        self.lead();
    }

    /// Starts one replica (again), and waits until it listens.
    pub(crate) fn start_again(&mut self, number: usize) {
        let replica = &mut self.replicas[number - 1];
        replica.process = None;
        replica.spawn(self.folder.path());
        replica.arrive();
        self.lead();
    }

    /// Ends one replica as a power cut would.
    pub(crate) fn kill_9(&mut self, number: usize) {
        self.replicas[number - 1].process = None;
        self.lead();
    }

    /// Sends no further requests to a replica that still runs.
    pub(crate) fn lead_past(&self, number: usize) {
        self.lead_to(self.running().filter(|replica| replica.node() != self.replica(number).node()));
    }

    fn lead(&self) {
        self.lead_to(self.running());
    }

    fn lead_to<'a>(&self, replicas: impl Iterator<Item = &'a Replica>) {
        let addresses: Vec<String> = replicas.map(|replica| replica.address().to_owned()).collect();
        self.front.lead_to(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
        *self.addresses.0.lock().unwrap() = addresses;
    }

    /// Waits until every replica admits calls.
    pub(crate) async fn admits(&self) {
        join_all(self.running().map(|replica| replica.admits())).await;
    }

    /// Everything that a replica logged so far, in all its lives.
    pub(crate) fn log(&self, node: &str) -> String {
        let log = std::fs::read(self.folder().join(format!("{node}.log"))).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Registers businesses that only the pool's cap binds.
    pub(crate) async fn put_businesses(&self, businesses: &[&str]) {
        for business in businesses {
            self.replica(1).put_business(business, "ENTERPRISE").await;
        }
    }

    /// Runs another command of the program on the settings of the first replica.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        callgate(self.folder.path()).args(arguments).envs(self.env(1)).output().unwrap()
    }

    /// The events say what the tables say.
    pub(crate) fn assert_log_agrees(&self) {
        let output = self.run(&["replay", "--verify"]);
        let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(output.status.success(), "replay --verify: {stdout}{stderr}");
    }

    /// Sweeps until provider, table and the ledger as every replica sees it say that so many calls are live.
    pub(crate) async fn sweeps_to(&self, live: u64) {
        let wanted = Views { provider: live, table: live, ledgers: vec![(live, 0); self.running().count()] };
        settles(wanted, async || {
            let sweeper = self.running().next().expect("a replica runs");
            // It may be refused while a component comes back.
            let _ = Ask::post("/api/reconciliations").send(sweeper.address()).await;
            self.views().await
        })
        .await;
    }

    /// What everybody says.
    pub(crate) async fn views(&self) -> Views {
        Views {
            provider: self.provider.live().await,
            table: self.slots_in_the_table(),
            ledgers: join_all(self.running().map(Replica::ledger)).await,
        }
    }

    /// Calls that hold a slot or are beyond the cap, by the database.
    pub(crate) fn slots_in_the_table(&self) -> u64 {
        self.database.number("SELECT count(*) FROM active_call_session WHERE slot IN ('held', 'overflow')")
    }

    /// Everybody hangs up; a sweep later nobody holds anything, and the events say so too.
    pub(crate) async fn ends_well(&self) {
        self.provider.behave(serde_json::json!({"talkSeconds": null})).await;
        eventually("everybody hangs up", async || {
            self.provider.hang_up_whoever_is_left().await;
            (self.provider.live().await == 0).then_some(())
        })
        .await;
        self.sweeps_to(0).await;
        self.assert_log_agrees();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.highest_cap.judge(&self.provider);
        for replica in &self.replicas {
            assert_discreet(&self.log(replica.node()));
        }
    }
}
