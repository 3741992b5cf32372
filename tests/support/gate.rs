//! callgate as a process of its own, next to a provider of its own, in a folder of its own.
//! When a gate goes, it is checked that the provider never saw more outbound calls at once than the cap,
//! and that no whole telephone number and no secret is in the log.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::process::{ExitStatus, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::door::{Door, HighestCap};
use super::process::{Process, callgate, callgate_at_a_terminal};
use super::provider::Provider;
use super::proxy::{Line, Proxy};
use super::twilio::{ACCOUNT, TOKEN};

/// Signs the provider's webhooks.
pub(crate) const SECRET: &str = "whsec-of-the-tests";
/// Opens the provider's API.
pub(crate) const API_KEY: &str = "xi-key-of-the-tests";
/// The number that most calls go to.
pub(crate) const NUMBER: &str = "+12065550123";
/// In every number of these tests, and in no masked one.
pub(super) const WHOLE_NUMBERS: &str = "20655501";
/// What the simulated provider carries, unless a test says otherwise: the gate must keep its cap by itself.
pub(super) const PROVIDER_CAP: u32 = 1_000;

/// How a gate is to be set up.
pub(crate) struct Builder {
    cap: u32,
    provider_cap: u32,
    behind_proxy: bool,
    cut_off: bool,
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Builder {
    /// Calls at once.
    pub(crate) fn cap(mut self, cap: u32) -> Self {
        self.cap = cap;
        self
    }

    /// Calls at once by the provider's own rule.
    pub(crate) fn provider_cap(mut self, cap: u32) -> Self {
        self.provider_cap = cap;
        self
    }

    /// Puts a line between gate and provider that can be held or cut.
    pub(crate) fn behind_proxy(mut self) -> Self {
        self.behind_proxy = true;
        self
    }

    /// Cuts that line before the gate starts, and does not wait until the gate admits calls.
    pub(crate) fn cut_off(mut self) -> Self {
        self.cut_off = true;
        self
    }

    /// A configuration file.
    pub(crate) fn config(mut self, file: &Path) -> Self {
        self.arguments.extend(["--config".to_owned(), file.display().to_string()]);
        self
    }

    /// A setting as the environment names it.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// An account at the carrier.
    pub(crate) fn twilio(self) -> Self {
        self.env("CALLGATE__PROVIDER__TWILIO_ACCOUNT_SID", ACCOUNT).env("CALLGATE__PROVIDER__TWILIO_AUTH_TOKEN", TOKEN)
    }

    /// A plan's limit and reserve.
    pub(crate) fn plan(self, name: &str, limit: u32, reserved: u32) -> Self {
        self.env(&format!("CALLGATE__PLANS__{name}__LIMIT"), &limit.to_string())
            .env(&format!("CALLGATE__PLANS__{name}__RESERVED"), &reserved.to_string())
    }

    /// Starts provider and gate; returns when the gate admits calls, unless it is cut off.
    pub(crate) async fn start(self) -> Gate {
        let folder = TempDir::new().unwrap();
        let provider = Provider::start(folder.path(), self.provider_cap, SECRET);
        let proxy = self.behind_proxy.then(|| Proxy::to(&provider.address));
        if self.cut_off {
            proxy.as_ref().expect("there is a line to cut").set(Line::Cut);
        }
        let provider_address = proxy.as_ref().map_or(&provider.address, |proxy| &proxy.address);
        let mut env = settings(folder.path(), provider_address);
        env.insert("GLOBAL_CAP".to_owned(), self.cap.to_string());
        env.extend(self.env);
        let (process, address) = serve(folder.path(), &self.arguments, &env);
        let door = Door::new(address, &HighestCap::of(self.cap));
        let gate = Gate { process, door, provider, proxy, arguments: self.arguments, env, folder };
        gate.provider.put_webhook(gate.address()).await;
        if !self.cut_off {
            gate.admits().await;
        }
        gate
    }
}

/// The settings of every gate: its own folder and ports, and no sweep but those that a test asks for.
pub(crate) fn settings(folder: &Path, provider_address: &str) -> BTreeMap<String, String> {
    let database = format!("sqlite://{}?mode=rwc", folder.join("callgate.db").display());
    [
        ("DATABASE_URL", database.as_str()),
        ("ELEVENLABS_API_KEY", API_KEY),
        ("ELEVENLABS_BASE_URL", provider_address),
        ("ELEVENLABS_WEBHOOK_SECRET", SECRET),
        ("CALLGATE__PROVIDER__TWILIO_BASE_URL", provider_address),
        ("CALLGATE__SERVER__BIND", "127.0.0.1:0"),
        ("CALLGATE__RECONCILE__GRACE_SECONDS", "1"),
        ("CALLGATE__RECONCILE__STARTUP_DELAY_SECONDS", "3600"),
        ("CALLGATE__RECONCILE__INTERVAL_SECONDS", "3600"),
        ("CALLGATE__RECONCILE__LEDGER_INTERVAL_SECONDS", "3600"),
        ("CALLGATE__RECONCILE__ON_DEMAND_SECONDS", "0"),
        ("RUST_LOG", "debug"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Starts `callgate serve`; the process and its address.
fn serve(folder: &Path, arguments: &[String], env: &BTreeMap<String, String>) -> (Process, String) {
    let mut command = callgate(folder);
    command.arg("serve").args(arguments).envs(env);
    let mut process = Process::spawn(command, &folder.join("gate.log"));
    let address = process.announced("callgate listening on ");
    (process, address)
}

#[derive(Debug)]
pub(crate) struct Gate {
    process: Process,
    door: Door,
    pub(crate) provider: Provider,
    proxy: Option<Proxy>,
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
    folder: TempDir,
}

impl Gate {
    pub(crate) fn builder() -> Builder {
        Builder {
            cap: 5,
            provider_cap: PROVIDER_CAP,
            behind_proxy: false,
            cut_off: false,
            arguments: Vec::new(),
            env: BTreeMap::new(),
        }
    }

    /// A gate with nothing special.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// The line to the provider.
    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("the gate was built behind a proxy")
    }

    /// Everything it logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Another command of the program on the same settings, in a process of its own.
    pub(crate) fn start_command(&self, arguments: &[&str]) -> Process {
        let mut command = callgate_at_a_terminal(self.folder.path());
        command.args(arguments).envs(&self.env);
        Process::spawn(command, &self.folder.path().join("command.log"))
    }

    /// Runs another command of the program on the same settings.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        callgate(self.folder.path()).args(arguments).envs(&self.env).output().unwrap()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill_9(&mut self) {
        self.process.kill_9();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.process.terminate();
        self.process.exit()
    }

    /// Stops it in the middle of whatever it does.
    pub(crate) fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again at the same address.
    pub(crate) async fn start_again_there(&mut self) {
        let address = self.address().strip_prefix("http://").unwrap().to_owned();
        self.env.insert("CALLGATE__SERVER__BIND".to_owned(), address);
        self.start_again().await;
    }

    /// Starts it again on the same database, next to the same provider.
    pub(crate) async fn start_again(&mut self) {
        self.process.kill_9();
        let (process, address) = serve(self.folder.path(), &self.arguments, &self.env);
        self.process = process;
        self.door.moves_to(address);
        self.provider.put_webhook(self.address()).await;
        self.admits().await;
    }
}

/// Everything that is asked of a gate is asked at its one door.
impl Deref for Gate {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.highest_cap().judge(&self.provider);
        assert_discreet(&self.process.log());
    }
}

/// A log shows no whole number, no secret and no crash.
pub(super) fn assert_discreet(log: &str) {
    for secret in [WHOLE_NUMBERS, SECRET, API_KEY, TOKEN] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
    let crash = log.lines().find(|line| line.contains("panicked at"));
    assert_eq!(crash, None, "something crashed");
}

/// A call as it is asked for.
pub(crate) fn a_call(business: &str) -> Value {
    json!({"businessId": business, "agentId": "agent_1", "phoneNumberId": "phnum_1", "toNumber": NUMBER})
}
