//! A PostgreSQL server with a cluster of its own, for trust on loopback only.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::guard;
use super::server::{Server, free_port, wait_until};

/// The role that owns everything.
const ROLE: &str = "callgate";
/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A PostgreSQL of its own. Dropped, it is gone.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Server>,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
}

impl Postgres {
    /// Makes a new cluster, starts it and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more settings, such as `["fsync=off"]`.
    pub fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("callgate-postgres-").tempdir().unwrap();
        guard::watch_folder(folder.path());
        if let Some((user, group)) = other_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut initdb = as_other_user("initdb");
        initdb.args(["-D", "data", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]);
        let made = initdb.current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let options = settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect();
        let mut postgres = Self { server: None, folder, port: free_port(), options };
        postgres.start_again();
        postgres
    }

    /// Starts it again, at the same address, with what it had committed.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let spawn = || {
            let mut command = as_other_user("postgres");
            command.args(["-D", "data", "-p", &port, "-c", "listen_addresses=127.0.0.1"]);
            command.args(["-c", "unix_socket_directories=", "-c", "shared_memory_type=mmap"]).args(&self.options);
            Server::spawn(command, self.folder.path())
        };
        let mut server = spawn();
        wait_until("postgres", || {
            // After a kill -9 what its children held may still be in use for a moment.
            if server.has_ended() {
                server = spawn();
            }
            self.run("psql", &["-d", "postgres", "-qc", "SELECT 1"])
        });
        self.server = Some(server);
    }

    /// Makes a database that nobody has used, and gives its address.
    pub fn create_database(&self, name: &str) -> String {
        assert!(self.run("createdb", &[name]), "createdb {name}");
        self.url(name)
    }

    /// `postgres://callgate@127.0.0.1:PORT/NAME`
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@{}/{database}", self.address())
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs SQL, and gives what `psql` prints of it: a row per line, columns parted by `|`.
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let printed = self.client("psql").args(["-d", database, "-qtAc", sql]).output().unwrap();
        assert!(printed.status.success(), "{sql}: {}", String::from_utf8_lossy(&printed.stderr));
        String::from_utf8(printed.stdout).unwrap().trim().to_owned()
    }

    /// kill -9 of the server and everything that it started.
    pub fn kill_9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill_9();
        }
    }

    /// Stops it in the middle of whatever it does (SIGSTOP): connections stay, answers do not come.
    pub fn pause(&self) {
        self.server.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.server.as_ref().unwrap().signal("CONT");
    }

    fn client(&self, program: &str) -> Command {
        let mut client = Command::new(program_of(program));
        client.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ROLE]).env("PGCONNECT_TIMEOUT", "3");
        client
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut client = self.client(program);
        client.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
}

/// The program of the newest version there is, else the one on the path.
fn program_of(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.max_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    newest
        .map(|path| path.join("bin").join(name))
        .filter(|path| path.exists())
        .unwrap_or_else(|| Path::new(name).into())
}

/// The servers refuse to run as root: then the user is the one that the package made for them.
fn other_user() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:")).filter(|_| is_root)?;
    let mut fields = line.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((fields.next()?, fields.next()?))
}

fn as_other_user(program: &str) -> Command {
    let program = program_of(program);
    let Some((user, group)) = other_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::super::{Postgres, Redis};

    #[test]
    fn servers_start_forget_and_remember_as_they_should() {
        let mut redis = Redis::start();
        redis.ask::<()>(&["SET", "a", "1"]);
        redis.kill_9();
        redis.start_again();
        assert_eq!(redis.ask::<Option<String>>(&["GET", "a"]), None);

        let mut postgres = Postgres::start();
        postgres.create_database("one");
        postgres.ask("one", "CREATE TABLE t AS SELECT 7 AS n");
        postgres.kill_9();
        postgres.start_again();
        assert_eq!(postgres.ask("one", "SELECT n FROM t"), "7");
    }
}
