//! A Prometheus with files of its own, on a free port of loopback.

use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use super::guard;
use super::server::{Server, free_port, wait_until};

/// A running Prometheus. Dropped, it is gone, with everything that it has scraped.
#[derive(Debug)]
pub struct Prometheus {
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl Prometheus {
    /// Starts it on these files, name and content, of which `prometheus.yml` is the configuration; waits until it listens.
    pub fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("callgate-prometheus-").tempdir().unwrap();
        guard::watch_folder(folder.path());
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
        command.arg(format!("--web.listen-address={address}"));
        let mut server = Server::spawn(command, folder.path());
        wait_until("prometheus", || {
            let log = || std::fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
            assert!(!server.has_ended(), "prometheus has ended:\n{}", log());
            TcpStream::connect(&address).is_ok()
        });
        Self { _server: server, _folder: folder, port }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
