//! A `redis-server` without a disk: empty at every start.

use std::process::Command;

use tempfile::TempDir;

use super::guard;
use super::server::{Server, free_port, wait_until};

/// A Redis of its own. Dropped, it is gone.
#[derive(Debug)]
pub struct Redis {
    server: Option<Server>,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
}

impl Redis {
    /// Starts an empty one and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more of its command line, such as `["--maxmemory", "2mb"]`.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("callgate-redis-").tempdir().unwrap();
        guard::watch_folder(folder.path());
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { server: None, folder, port: free_port(), options };
        redis.start_again();
        redis
    }

    /// Starts it again, at the same address, empty.
    pub fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(&self.options);
        self.server = Some(Server::spawn(command, self.folder.path()));
        wait_until("redis-server", || self.try_ask::<String>(&["PING"]).is_ok());
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends one command and reads its answer.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    /// The same, for a server that may not answer.
    pub fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection)
    }

    /// kill -9; what it held is lost.
    pub fn kill_9(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill_9();
        }
    }

    /// Stops it in the middle of whatever it does (SIGSTOP): connections stay, answers do not come.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        self.server.as_ref().unwrap().signal(signal);
    }
}
