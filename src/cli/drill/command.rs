//! The operator's command that kills a replica and starts it again.
//!
//! Cut short in between, it would leave the replica dead. So whatever else ends, it is waited for.

use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{self, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::gate::Trouble;

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// A command of the shell, and the shell while it runs.
pub(super) struct RestartCommand {
    line: String,
    running: Option<Running>,
}

/// A shell in a process group of its own: a Ctrl-C is for the drill.
struct Running {
    shell: process::Child,
    said: NamedTempFile,
}

impl RestartCommand {
    pub(super) fn new(line: String) -> Self {
        Self { line, running: None }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Runs it to its end. Whoever does not wait that long leaves it running.
    pub(super) async fn carry_out(&mut self, patience: Duration) -> Result<(), Trouble> {
        self.running = Some(Running::start(&self.line).map_err(|error| unusable(&error))?);
        match self.end(patience).await {
            Some(ended) => ended,
            None => Err(Trouble(format!("the restart command does not end within {} s", patience.as_secs()))),
        }
    }

    /// How it ended; none where it runs on. Its last words are shown where it failed.
    pub(super) async fn end(&mut self, patience: Duration) -> Option<Result<(), Trouble>> {
        let began = Instant::now();
        while let Some(running) = &mut self.running {
            match running.shell.try_wait() {
                Ok(None) if began.elapsed() > patience => return None,
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) => {
                    let ended = running.judge(status);
                    self.running = None;
                    return Some(ended);
                }
                Err(error) => return Some(Err(unusable(&error))),
            }
        }
        Some(Ok(()))
    }

    /// Ends the shell and all that it has started; whether there was something to end.
    pub(super) fn cut_short(&mut self) -> bool {
        self.running.take().is_some()
    }
}

impl Running {
    fn start(line: &str) -> std::io::Result<Self> {
        let said = NamedTempFile::new()?;
        let stdout = said.reopen()?;
        let stderr = stdout.try_clone()?;
        let mut shell = process::Command::new("sh");
        shell.args(["-c", line]).stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
        Ok(Self { shell: shell.spawn()?, said })
    }

    fn judge(&mut self, status: ExitStatus) -> Result<(), Trouble> {
        if status.success() {
            return Ok(());
        }
        let mut said = String::new();
        let _ = self.said.as_file_mut().rewind();
        let _ = self.said.as_file_mut().read_to_string(&mut said);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
        Err(Trouble(format!("the restart command failed ({status}): {last}")))
    }
}

impl Drop for Running {
    /// What a shell that has ended left behind may be the replica, which stays.
    fn drop(&mut self) {
        if let Ok(None) = self.shell.try_wait() {
            let group = format!("kill -s KILL -- -{}", self.shell.id());
            let _ = process::Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status();
            let _ = self.shell.kill();
            let _ = self.shell.wait();
        }
    }
}

fn unusable(error: &std::io::Error) -> Trouble {
    Trouble(format!("the restart command cannot be run: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::patience::within;
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn command(line: &str) -> RestartCommand {
        RestartCommand::new(line.to_owned())
    }

    #[actix::test]
    async fn a_command_that_fails_is_named_with_its_last_words() {
        assert_eq!(command("true").carry_out(MINUTE).await, Ok(()));
        let failed = command("echo first; echo no such container >&2; echo; exit 3").carry_out(MINUTE).await;
        assert_eq!(failed.unwrap_err().0, "the restart command failed (exit status: 3): no such container");
        let endless = command("exec sleep 60").carry_out(Duration::ZERO).await.unwrap_err();
        assert_eq!(endless.0, "the restart command does not end within 0 s");
    }

    #[actix::test]
    async fn given_nobody_waits_any_more_when_it_is_asked_for_again_then_it_has_gone_on_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (go, gone_on) = (folder.path().join("go"), folder.path().join("gone-on"));
        let mut command =
            command(&format!("until test -e {}; do sleep 0.01; done; echo > {}", go.display(), gone_on.display()));
        drop(tokio::time::timeout(Duration::ZERO, command.carry_out(MINUTE)).await);
        assert!(command.is_running());
        assert_eq!(command.end(Duration::ZERO).await, None);
        std::fs::write(go, "").unwrap();
        assert_eq!(command.end(MINUTE).await, Some(Ok(())));
        assert!(gone_on.exists() && !command.is_running());
    }

    #[actix::test]
    async fn given_it_is_cut_short_then_what_it_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let child = folder.path().join("child");
        let mut command = command(&format!("sleep 600 & echo $! > {}; wait", child.display()));
        drop(tokio::time::timeout(Duration::ZERO, command.carry_out(MINUTE)).await);
        let id = within(MINUTE, async || {
            let written = std::fs::read_to_string(&child).unwrap_or_default();
            written.trim().parse::<u32>().map_err(|_| "it has not begun")
        });
        let id = id.await.unwrap();
        assert!(command.cut_short() && !command.cut_short());
        let is_alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        assert!(within(MINUTE, async || if is_alive() { Err(()) } else { Ok(()) }).await.is_ok());
    }
}
