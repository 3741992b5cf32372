//! One child process: its first lines on stdout, its log, its end. It does not outlive its handle.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use super::wait::eventually_blocking;

/// Lines of a log that are shown when a test fails; that a request was answered is not among them.
const SHOWN: usize = 25;

/// The program under test, with an environment of its own, working in `folder`.
pub(crate) fn callgate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callgate"));
    command.env_clear().current_dir(folder);
    command
}

/// The same as at a terminal: SIGHUP is heard, also where the tests themselves run under `nohup`.
pub(crate) fn callgate_at_a_terminal(folder: &Path) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_callgate")]).env_clear().current_dir(folder);
    command
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Mutex<Vec<String>>>,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it writes on stderr is added to the file `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let stderr = File::options().create(true).append(true).open(log).unwrap();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().expect("the program starts");
        let stdout = Arc::new(Mutex::new(Vec::new()));
        let (lines, pipe) = (Arc::clone(&stdout), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        Self { child, stdout, log: log.to_owned() }
    }

    /// The rest of the first line, which must begin with `announcement`.
    pub(crate) fn announced(&mut self, announcement: &str) -> String {
        let first = eventually_blocking(announcement, || {
            let line = self.stdout.lock().unwrap().first().cloned();
            if line.is_none()
                && let Some(status) = self.child.try_wait().unwrap()
            {
                panic!("it ended with {status} instead of saying {announcement:?}:\n{}", self.log());
            }
            line
        });
        let rest = first.strip_prefix(announcement);
        rest.unwrap_or_else(|| panic!("the first line is {first:?}, not {announcement:?}")).to_owned()
    }

    /// The whole lines that it wrote on stdout so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// The rest of the first line on stdout that begins with `beginning`, once it is there.
    pub(crate) fn line(&self, beginning: &str) -> String {
        eventually_blocking(beginning, || {
            let lines = self.stdout.lock().unwrap();
            lines.iter().find_map(|line| line.strip_prefix(beginning)).map(str::to_owned)
        })
    }

    /// Everything it wrote on stderr so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its number, by which others signal it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill_9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Presses Ctrl-C (SIGINT).
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Closes its terminal (SIGHUP).
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Stops it in the middle of whatever it does (SIGSTOP).
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "the signal was not sent");
    }

    /// A figure of `/proc/PID/status`, in KiB.
    pub(crate) fn memory_kib(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The peak of its memory counts from now on.
    pub(crate) fn forget_peak_memory(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// How it ended.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        eventually_blocking("the process ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("http::routes: request ")).collect();
            let tail = &lines[lines.len().saturating_sub(SHOWN)..];
            eprintln!("--- the end of {}\n{}\n---", self.log.display(), tail.join("\n"));
        }
    }
}
