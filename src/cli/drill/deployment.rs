//! A deployment of the drill's own: a simulated provider and a gate as child processes, on a fresh database in a folder
//! that goes with them. Nothing of the operator's is touched but the settings.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::gate::{Trouble, failed};
use super::patience::within;
use super::simulator::Simulator;
use crate::cli::{Failure, environment, leads_outside};
use crate::sources;

/// How long a process may take until it listens.
const STARTS_WITHIN: Duration = Duration::from_mins(1);

/// A child process that does not outlive its handle.
struct Child(process::Child);

impl Child {
    fn spawn(command: &mut Command) -> std::io::Result<Self> {
        command.spawn().map(Self)
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Ends it as a power cut would.
    fn kill_9(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_9();
    }
}

/// The gate and its provider.
pub(super) struct Deployment {
    gate: Child,
    gate_url: String,
    simulator_url: String,
    key: String,
    folder: TempDir,
    config: Option<PathBuf>,
    environment: Vec<(String, String)>,
    _simulator: Child,
}

impl Deployment {
    /// Starts both on the operator's settings, which lead nowhere outside.
    pub(super) async fn start(config: Option<&Path>) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| Failure::Check(format!("no temporary folder: {error}")))?;
        let (key, secret, provider_key) = (sources::secret(), sources::secret(), sources::secret());
        let provider_environment =
            [("ELEVENLABS_WEBHOOK_SECRET", secret.as_str()), ("SIMULATOR_API_KEY", provider_key.as_str())];
        let arguments = ["simulator", "--bind", "127.0.0.1:0"].map(str::to_owned);
        let environment = provider_environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut simulator = spawn(folder.path(), "provider", &arguments, &environment)?;
        let simulator_url =
            announced(folder.path(), "provider", &mut simulator, "simulated provider listening on ").await?;
        let environment = settings(folder.path(), &simulator_url, &key, &secret, &provider_key);
        let config = config.map(Path::to_owned);
        let arguments = serve(config.as_deref(), "127.0.0.1:0");
        let mut gate = spawn(folder.path(), "gate", &arguments, &environment)?;
        let gate_url = announced(folder.path(), "gate", &mut gate, "callgate listening on ").await?;
        let webhooks = format!("{gate_url}/api/webhooks/elevenlabs");
        Simulator::new(&simulator_url)?.send_webhooks_to(&webhooks).await.map_err(failed)?;
        Ok(Self { gate, gate_url, simulator_url, key, folder, config, environment, _simulator: simulator })
    }

    pub(super) fn gate_url(&self) -> &str {
        &self.gate_url
    }

    pub(super) fn simulator_url(&self) -> &str {
        &self.simulator_url
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Kills the gate, and starts it again at the same address.
    pub(super) async fn kill_and_restart(&mut self) -> Result<(), Trouble> {
        self.gate.kill_9();
        let address = self.gate_url.trim_start_matches("http://");
        let arguments = serve(self.config.as_deref(), address);
        let started = async {
            self.gate = spawn(self.folder.path(), "gate", &arguments, &self.environment)?;
            announced(self.folder.path(), "gate", &mut self.gate, "callgate listening on ").await
        };
        match started.await {
            Ok(_) => Ok(()),
            Err(Failure::Check(reason) | Failure::Usage(reason)) => Err(Trouble(reason)),
        }
    }
}

fn serve(config: Option<&Path>, bind: &str) -> Vec<String> {
    let mut arguments = ["serve", "--bind", bind].map(str::to_owned).to_vec();
    arguments.extend(config.into_iter().flat_map(|file| ["--config".to_owned(), file.display().to_string()]));
    arguments
}

/// The operator's environment, but for what leads to a database, a Redis, a provider or a carrier: those are the drill's.
fn settings(folder: &Path, simulator: &str, key: &str, secret: &str, provider_key: &str) -> Vec<(String, String)> {
    let database = format!("sqlite://{}?mode=rwc", folder.join("drill.db").display());
    let ours = [
        ("DATABASE_URL", ""),
        ("CALLGATE__DATABASE__URL", database.as_str()),
        ("CALLGATE__REDIS__URL", ""),
        ("CALLGATE__REDIS__CA_FILE", ""),
        ("CALLGATE__PROVIDER__KIND", "elevenlabs"),
        ("CALLGATE__PROVIDER__BASE_URL", simulator),
        ("CALLGATE__PROVIDER__API_KEY", provider_key),
        ("CALLGATE__PROVIDER__TERMINATE", "monitor"),
        ("CALLGATE__PROVIDER__TWILIO_ACCOUNT_SID", ""),
        ("CALLGATE__PROVIDER__TWILIO_AUTH_TOKEN", ""),
        ("CALLGATE__PROVIDER__TWILIO_BASE_URL", simulator),
        ("CALLGATE__WEBHOOKS__SECRETS", secret),
        ("CALLGATE__AUTH__ADMIN_KEY", key),
        ("CALLGATE__SERVER__PUBLIC_URL", ""),
    ];
    let is_ours = |name: &str| leads_outside(name) || ours.iter().any(|(ours, _)| ours.eq_ignore_ascii_case(name));
    let theirs = environment().into_iter().filter(|(name, _)| !is_ours(name));
    theirs.chain(ours.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// Starts this program again, in a process group of its own: a Ctrl-C is for the drill, which ends its children itself.
fn spawn(folder: &Path, name: &str, arguments: &[String], environment: &[(String, String)]) -> Result<Child, Failure> {
    let unusable = |error: std::io::Error| Failure::Check(format!("the {name} cannot be started: {error}"));
    let program = std::env::current_exe().map_err(unusable)?;
    let stdout = File::create(folder.join(format!("{name}.out"))).map_err(unusable)?;
    let stderr = File::create(folder.join(format!("{name}.log"))).map_err(unusable)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    Child::spawn(&mut command).map_err(unusable)
}

/// The rest of the first line on stdout, once it is there.
async fn announced(folder: &Path, name: &str, child: &mut Child, announcement: &str) -> Result<String, Failure> {
    let read = |kind: &str| std::fs::read_to_string(folder.join(format!("{name}.{kind}"))).unwrap_or_default();
    // A process that has ended says nothing any more: it is not waited for.
    within(STARTS_WITHIN, async || {
        let said = read("out");
        if let Some((line, _)) = said.split_once('\n')
            && let Some(rest) = line.strip_prefix(announcement)
        {
            return Ok(Ok(rest.to_owned()));
        }
        let status = child.ended().ok().flatten();
        let Some(status) = status else {
            return Err(Failure::Check(format!("the {name} does not listen after {} s", STARTS_WITHIN.as_secs())));
        };
        let log = read("log");
        let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
        let last = last.trim_start_matches("callgate: ");
        let reason = format!("the {name} of the drill ended ({status}): {last}");
        Ok(Err(if status.code() == Some(2) { Failure::Usage(reason) } else { Failure::Check(reason) }))
    })
    .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_of_the_drill_leads_nowhere_outside() {
        let settings = settings(Path::new("/tmp/drill"), "http://127.0.0.1:9090", "key", "secret", "provider-key");
        for (name, value) in settings.iter().filter(|(name, _)| leads_outside(name)) {
            let harmless = value.is_empty()
                || ["http://127.0.0.1:9090", "sqlite:///tmp/drill/drill.db?mode=rwc", "provider-key"]
                    .contains(&value.as_str())
                || ["CALLGATE__PROVIDER__KIND", "CALLGATE__PROVIDER__TERMINATE"].contains(&name.as_str());
            assert!(harmless, "{name}={value}");
        }
    }
}
