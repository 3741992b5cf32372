//! One server process: ended, paused, started again.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::guard;

/// How long a server may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Runs `command` in `folder`, with its output in `server.log` there.
    pub(crate) fn spawn(mut command: Command, folder: &Path) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        guard::watch_process(child.id(), folder);
        Self { child }
    }

    /// Sends a signal to the process, and to those that it started.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &pid]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let all = std::iter::once(pid.as_str()).chain(children.split_whitespace());
        // A process may be gone by itself by now.
        let _ = Command::new("kill").arg(format!("-{signal}")).args(all).stderr(Stdio::null()).status().unwrap();
    }

    /// kill -9, and waits until the process is gone.
    pub(crate) fn kill_9(&mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

/// A port of loopback that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until `ready`.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < DEADLINE, "{what} takes longer than {} s", DEADLINE.as_secs());
        std::thread::sleep(PAUSE);
    }
}
