//! `callgate drill`: the sign-off of a deployment, four tests over HTTP.
//!
//! | room | what lives there |
//! | --- | --- |
//! | here | arguments, order, the end |
//! | `survey` | what is there, and whether it may be drilled |
//! | `stage` | where the tests play: set up, filled, emptied, taken away |
//! | `expectation` | how many calls it must be, and who says so |
//! | `tenants` | the businesses that the drill brings |
//! | `at_once`, `inbound`, `provider_full`, `crash` | tests A, B, C and D: what happened, and what follows |
//! | `restart`, `command` | who kills a replica, and what is seen of it |
//! | `deployment` | a gate and a provider of the drill's own |
//! | `gate`, `simulator`, `told` | the two sides over HTTP, and what callers are told |
//! | `report`, `bar` | what is shown |
//! | `patience` | waiting with a deadline |

mod at_once;
mod bar;
mod command;
mod crash;
mod deployment;
mod expectation;
mod gate;
mod inbound;
mod patience;
mod provider_full;
mod report;
mod restart;
mod simulator;
mod stage;
mod survey;
mod tenants;
mod told;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::admin_key::AdminKey;
use super::application::stop_signal;
use super::{ConfigFile, Failure, Format, print_json, print_line};
use crate::settings::Settings;
use bar::Bars;
use command::RestartCommand;
use deployment::Deployment;
use expectation::{Authority, Bought, LiveCalls};
use gate::{Gate, Trouble};
use report::{Outcome, Report, Test, Verdict};
use restart::Means;
use simulator::Simulator;
use stage::Stage;
use survey::Target;

const NO_RESTART: &str =
    "nobody restarts the gate: name a command with --restart, or run the drill on a terminal, where it asks you to";

const HELP: &str = "\
Tests:
  A  twice as many calls at once as there is room for: exactly that many start, the others get 503 with Retry-After
  B  an inbound call that finds no slot: hung up at the provider, recorded as terminated_capacity, no slot taken
  C  the provider says 429: passed on as 503 with the provider's Retry-After, slot given back, next call starts
  D  kill -9 with live calls: counts and calls are what they were, one more is refused, nothing leaks

What it does:
  Without --url the drill starts a gate and a simulated provider of its own, on a temporary database, with the settings
  of --config and the environment. It touches no other database, Redis or provider, and kills the gate itself in D.
  With --url it drills gates that run; replicas behind one address must share a provider. Their provider must be a simulated one (`callgate simulator`): the drill dials.
  It proves that before it dials, by having the gate hang up a call there. It registers businesses named
  callgate-drill-…, takes every free slot, and removes all of that again, also after Ctrl-C. The settings of the gate
  stay as they are. A command of --restart that was begun is waited for, up to a minute, after Ctrl-C too; a second
  Ctrl-C cuts it short.

Examples:
  callgate drill
  callgate drill --config production.toml --cap 20
  callgate drill --url https://staging.example.com --simulator http://127.0.0.1:9090 --cap 5 A B C
  callgate drill --url http://10.0.0.1:8080 --url http://10.0.0.2:8080 --simulator http://127.0.0.1:9090 \\
      --restart 'docker kill -s KILL callgate-1 && docker start callgate-1' --json

Environment:
  CALLGATE_KEY            as --key, which every gate but one on loopback needs
  CALLGATE__SECTION__KEY  as for `callgate serve`

Exit codes:
  0  every test passed
  1  a test failed, or was skipped (D without --restart and without a terminal); no gate answers; interrupted; or
     something could not be removed
  2  not begun: bad usage or configuration, no key, a provider that is not simulated, live calls, a paused pool";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// The tests to run; without any, all of them
    #[arg(value_name = "TEST", value_enum, ignore_case = true)]
    tests: Vec<Test>,
    #[command(flatten)]
    config: ConfigFile,
    /// A running gate; once for each replica, which are asked in turn. Without it the drill starts a gate itself
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
    #[command(flatten)]
    key: AdminKey,
    /// The simulated provider that the gate uses; without it the one that the gate names
    #[arg(long, value_name = "URL", requires = "url")]
    simulator: Option<String>,
    /// Calls at once that were bought; without it the simulated provider's cap, if that is below 1000, else the gate's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cap: Option<u32>,
    /// Begin although calls are live: they keep their slots, and new ones are refused meanwhile
    #[arg(long, requires = "url")]
    with_live_calls: bool,
    /// For D: the shell command that kills a replica with SIGKILL and starts it again
    #[arg(long, value_name = "COMMAND", requires = "url")]
    restart: Option<String>,
    /// For D: seconds that a replica may take to go and to come back
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    restart_wait_seconds: u64,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    fn tests(&self) -> Vec<Test> {
        let asked = |test: &Test| self.tests.is_empty() || self.tests.contains(test);
        Test::ALL.into_iter().filter(asked).collect()
    }

    /// What is drilled, and who restarts it.
    async fn target(&self, settings: &Settings) -> Result<(Target, Means), Failure> {
        let argument = self.cap.map(|cap| Bought { cap, by: Authority::Argument });
        if self.url.is_empty() {
            let deployment = Deployment::start(self.config.file.as_deref()).await?;
            let configured = Bought { cap: settings.capacity.global_cap, by: Authority::Configuration };
            let target = Target {
                gates: vec![Gate::new(deployment.gate_url(), Some(deployment.key().to_owned()))?],
                simulator: Some(Simulator::new(deployment.simulator_url())?),
                bought: Some(argument.unwrap_or(configured)),
                live_calls: LiveCalls::Refuse,
            };
            return Ok((target, Means::Own(Box::new(deployment))));
        }
        let gate = |url: &String| Gate::new(url, self.key.at(url, settings)?);
        let gates: Result<Vec<_>, _> = self.url.iter().map(gate).collect();
        let target = Target {
            gates: gates?,
            simulator: self.simulator.as_deref().map(Simulator::new).transpose()?,
            bought: argument,
            live_calls: if self.with_live_calls { LiveCalls::Accept } else { LiveCalls::Refuse },
        };
        let means = match &self.restart {
            Some(command) => Means::Command(RestartCommand::new(command.clone())),
            None if std::io::stderr().is_terminal() => Means::Operator,
            None => Means::None(NO_RESTART),
        };
        Ok((target, means))
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = arguments.config.load()?;
    let prepare = async {
        let (target, means) = arguments.target(&settings).await?;
        Ok::<_, Failure>((target.survey().await?, means))
    };
    let (stage, mut means) = or_interrupted(prepare).await?;
    let bars = Bars::new();
    let played = or_interrupted(play(&stage, &arguments, &mut means, &bars)).await;
    let concluded = or_interrupted(async { Ok(means.conclude(&stage.gates, &bars).await) }).await;
    let concluded = match concluded {
        Ok(concluded) => concluded,
        Err(_) => means.give_up(&stage.gates).await,
    };
    bars.clear();
    let left = or_interrupted(async { Ok(stage.tidy_up().await) }).await;
    let left = match left {
        Ok(left) => left,
        Err(Failure::Check(left) | Failure::Usage(left)) => Err(Trouble(left)),
    };
    let left: Vec<_> = [concluded, left].into_iter().filter_map(|left| left.err().map(|Trouble(left)| left)).collect();
    let left_behind = (!left.is_empty()).then(|| left.join("; "));
    let outcomes = played.inspect_err(|_| {
        if let Some(left) = &left_behind {
            eprintln!("callgate: left behind: {left}");
        }
    })?;
    let report = Report {
        urls: stage.gates.iter().map(|gate| gate.url().to_owned()).collect(),
        simulator: stage.simulator.url().to_owned(),
        expectation: stage.expectation,
        outcomes,
        left_behind,
    };
    if arguments.format.json {
        print_json(&report.to_json());
    } else {
        print_line(&report);
    }
    report.objection().map_or(Ok(()), |objection| Err(Failure::Check(format!("not signed off: {objection}"))))
}

/// A Ctrl-C ends what is being done, not the process: there may be something to take away.
async fn or_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = stop_signal() => Err(Failure::Check("interrupted".to_owned())),
    }
}

async fn play(stage: &Stage, arguments: &Arguments, means: &mut Means, bars: &Bars) -> Result<Vec<Outcome>, Failure> {
    stage.set_up().await?;
    let patience = Duration::from_secs(arguments.restart_wait_seconds);
    let mut outcomes = Vec::new();
    for test in arguments.tests() {
        let progress = bars.begin(test);
        let began = Instant::now();
        let findings = match test {
            Test::A => at_once::run(stage, &progress).await,
            Test::B => inbound::run(stage, &progress).await,
            Test::C => provider_full::run(stage, &progress).await,
            Test::D => crash::run(stage, &progress, bars, means, patience).await,
        };
        let outcome = Outcome::of(test, began.elapsed(), findings);
        progress.end(&outcome);
        if !matches!(outcome.verdict, Verdict::Passed | Verdict::Skipped(_)) {
            clear(stage).await;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// What a test that failed left is not the next one's.
async fn clear(stage: &Stage) {
    let _ = stage.simulator.be_faultless(stage.lines).await;
    let _ = stage.end_all(&bar::Progress::hidden()).await;
}
