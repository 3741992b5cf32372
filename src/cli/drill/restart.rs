//! How a replica is killed and comes back, and what is seen of it from outside.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::bar::Bars;
use super::command::RestartCommand;
use super::deployment::Deployment;
use super::gate::{Gate, Process, Trouble};
use super::stage::Stage;
use super::told::Told;
use crate::cli::peer::NoAnswer;

/// Between two looks at the replicas.
const LOOK: Duration = Duration::from_millis(50);
/// Between two calls that are asked for while a replica is away.
const CALLS: Duration = Duration::from_millis(250);
/// A process that began so much later than the one before is another: uptimes are in whole seconds.
const ANOTHER: Duration = Duration::from_millis(1500);
/// How long a command may take to end that nobody waits for any more.
const ENDS_WITHIN: Duration = Duration::from_mins(1);
/// Behind a balancer so many looks show every replica.
const GLANCES: usize = 20;

/// Who kills and restarts.
pub(super) enum Means {
    /// The drill, which has started the gate.
    Own(Box<Deployment>),
    /// A command of the operator.
    Command(RestartCommand),
    /// The operator, who is asked to.
    Operator,
    /// Nobody, and why.
    None(&'static str),
}

/// What was seen while a replica was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Addresses that did not answer, and for how long; none where a balancer hides it.
    pub(super) gone: Vec<(String, Duration)>,
    /// What callers of the other replicas were told meanwhile.
    pub(super) meanwhile: Vec<Told>,
}

impl Gap {
    pub(super) fn words(&self) -> String {
        if self.gone.is_empty() {
            return "a replica behind the address was replaced by a new process".to_owned();
        }
        let gone = self.gone.iter().map(|(url, time)| format!("{url} was gone for {:.1} s", time.as_secs_f64()));
        gone.collect::<Vec<_>>().join(", ")
    }
}

impl Means {
    /// Has a replica killed and restarted, and returns once every one is there again.
    pub(super) async fn restart(&mut self, stage: &Stage, bars: &Bars, patience: Duration) -> Result<Gap, Trouble> {
        let seen = self.act_and_look(stage, bars, patience).await;
        if let Some(Trouble(left)) = self.conclude(&stage.gates, bars).await.err() {
            return Err(Trouble(match seen {
                Ok(_) => left,
                Err(Trouble(reason)) => format!("{reason}; {left}"),
            }));
        }
        seen
    }

    /// Lets a command that was begun come to its end, for a replica that it has killed may not be started yet.
    pub(super) async fn conclude(&mut self, gates: &[Gate], bars: &Bars) -> Result<(), Trouble> {
        let Self::Command(command) = self else { return Ok(()) };
        if !command.is_running() {
            return Ok(());
        }
        bars.say(&format!("waiting up to {} s for the restart command to end", ENDS_WITHIN.as_secs()));
        match command.end(ENDS_WITHIN).await {
            Some(ended) => ended,
            None => self.give_up(gates).await,
        }
    }

    /// Cuts short what still runs, and says who may be down.
    pub(super) async fn give_up(&mut self, gates: &[Gate]) -> Result<(), Trouble> {
        let Self::Command(command) = self else { return Ok(()) };
        if !command.cut_short() {
            return Ok(());
        }
        let there = join_all(gates.iter().map(Gate::is_there)).await;
        let silent = gates.iter().zip(there).filter(|(_, there)| there.is_err()).map(|(gate, _)| gate.url());
        let silent = silent.collect::<Vec<_>>().join(", ");
        let who = if silent.is_empty() { "a replica" } else { &silent };
        Err(Trouble(format!("the restart command was cut short; {who} may be down")))
    }

    async fn act_and_look(&mut self, stage: &Stage, bars: &Bars, patience: Duration) -> Result<Gap, Trouble> {
        let mut watch = Watch::of(&stage.gates).await;
        let act = async {
            match self {
                Self::Own(deployment) => deployment.kill_and_restart().await,
                Self::Command(command) => command.carry_out(patience).await,
                Self::Operator => {
                    bars.say(&format!(
                        "D: kill one replica with kill -9 and start it again; this waits for {} s",
                        patience.as_secs()
                    ));
                    Ok(())
                }
                Self::None(reason) => Err(Trouble((*reason).to_owned())),
            }
        };
        let looking = async move {
            let began = Instant::now();
            loop {
                watch.look(stage).await;
                if watch.is_over() {
                    return Ok(watch.gap());
                }
                if began.elapsed() > patience {
                    return Err(watch.verdict(patience));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::pin!(act);
        tokio::pin!(looking);
        tokio::select! {
            acted = &mut act => {
                acted?;
                looking.await
            }
            gap = &mut looking => {
                let gap = gap?;
                act.await?;
                Ok(gap)
            }
        }
    }
}

/// The replicas, looked at again and again.
struct Watch {
    before: Vec<Process>,
    lines: Vec<Line>,
    replaced: bool,
    meanwhile: Vec<Told>,
    asked: Instant,
}

/// One address.
struct Line {
    url: String,
    answers: bool,
    away_since: Option<Instant>,
    away_for: Duration,
}

impl Watch {
    async fn of(gates: &[Gate]) -> Self {
        let mut before: Vec<Process> = Vec::new();
        for gate in gates.iter().cycle().take(GLANCES.max(gates.len())) {
            if let Some(process) = gate.process().await
                && !before.iter().any(|known| known.node == process.node)
            {
                before.push(process);
            }
        }
        let line = |gate: &Gate| Line {
            url: gate.url().to_owned(),
            answers: true,
            away_since: None,
            away_for: Duration::ZERO,
        };
        Self {
            before,
            lines: gates.iter().map(line).collect(),
            replaced: false,
            meanwhile: Vec::new(),
            asked: Instant::now(),
        }
    }

    async fn look(&mut self, stage: &Stage) {
        let there = join_all(stage.gates.iter().map(Gate::is_there)).await;
        for (line, there) in self.lines.iter_mut().zip(&there) {
            line.see(there, Instant::now());
        }
        let answering: Vec<_> = stage.gates.iter().zip(&self.lines).filter(|(_, line)| line.answers).collect();
        for (gate, _) in &answering {
            if let Some(process) = gate.process().await {
                self.replaced |= is_another(&self.before, &process);
            }
        }
        let some_are_away = self.lines.iter().any(|line| line.away_since.is_some());
        if let Some((gate, _)) = answering.first()
            && some_are_away
            && self.asked.elapsed() >= CALLS
        {
            self.asked = Instant::now();
            let told = stage.ask_at(gate).await;
            self.meanwhile.push(told);
        }
    }

    fn is_over(&self) -> bool {
        let came_back = self.lines.iter().any(|line| line.away_for > Duration::ZERO);
        self.lines.iter().all(|line| line.answers) && (came_back || self.replaced)
    }

    /// Why it is not over.
    fn verdict(&self, patience: Duration) -> Trouble {
        let silent: Vec<_> = self.lines.iter().filter(|line| !line.answers).map(|line| line.url.as_str()).collect();
        let seconds = patience.as_secs();
        Trouble(if silent.is_empty() {
            format!("no replica was killed and restarted within {seconds} s")
        } else {
            format!("{} did not come back within {seconds} s", silent.join(", "))
        })
    }

    fn gap(self) -> Gap {
        let gone = self.lines.into_iter().filter(|line| line.away_for > Duration::ZERO);
        Gap { gone: gone.map(|line| (line.url, line.away_for)).collect(), meanwhile: self.meanwhile }
    }
}

impl Line {
    /// Only where nobody listens has a process gone: one that is slow is there.
    fn see(&mut self, there: &Result<(), NoAnswer>, now: Instant) {
        self.answers = there.is_ok();
        match there {
            Ok(()) => {
                if let Some(since) = self.away_since.take() {
                    self.away_for += (now - since).max(Duration::from_millis(1));
                }
            }
            Err(NoAnswer::NobodyThere(_)) => {
                self.away_since.get_or_insert(now);
            }
            Err(NoAnswer::Lost(_)) => {}
        }
    }
}

/// Whether a process was not among those before. Where none showed itself before, nothing can be said.
fn is_another(before: &[Process], process: &Process) -> bool {
    match before.iter().find(|known| known.node == process.node) {
        Some(known) => process.since > known.since + ANOTHER,
        None => !before.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_another_by_its_name_or_by_its_beginning() {
        let began = Instant::now();
        let process =
            |node: &str, later: u64| Process { node: node.to_owned(), since: began + Duration::from_millis(later) };
        let before = [process("a", 0), process("b", 0)];
        assert!(!is_another(&before, &process("a", 999)), "uptimes are in whole seconds");
        assert!(is_another(&before, &process("a", 2_000)));
        assert!(is_another(&before, &process("c", 0)));
        assert!(!is_another(&[], &process("c", 0)));
    }

    #[test]
    fn an_address_was_away_only_while_nobody_listened_there() {
        let began = Instant::now();
        let at = |milliseconds| began + Duration::from_millis(milliseconds);
        let mut line = Line { url: String::new(), answers: true, away_since: None, away_for: Duration::ZERO };
        line.see(&Err(NoAnswer::Lost("slow".to_owned())), at(0));
        line.see(&Ok(()), at(50));
        assert_eq!(line.away_for, Duration::ZERO);
        line.see(&Err(NoAnswer::NobodyThere("refused".to_owned())), at(100));
        line.see(&Err(NoAnswer::Lost("starting".to_owned())), at(200));
        assert!(!line.answers);
        line.see(&Ok(()), at(400));
        assert_eq!((line.answers, line.away_for), (true, Duration::from_millis(300)));
    }
}
