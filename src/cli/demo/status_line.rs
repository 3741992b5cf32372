//! The live status line: one on a terminal, a line every few seconds in a file.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::figures::Figures;
use crate::cli::peer::Peer;

const ON_A_TERMINAL: Duration = Duration::from_millis(500);
const IN_A_FILE: Duration = Duration::from_secs(5);

/// Shows the figures until it is stopped.
pub(super) struct StatusLine {
    task: JoinHandle<()>,
    bar: ProgressBar,
}

impl StatusLine {
    pub(super) fn start(gate: Peer, provider: Peer) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(1) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("slots [{bar:20}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█ "));
        let shown = bar.clone();
        let task = actix::spawn(async move {
            loop {
                match Figures::read(&gate, &provider).await {
                    Some(figures) => {
                        shown.set_length(figures.cap);
                        shown.set_position(figures.ledger);
                        shown.set_message(words(&figures));
                        if !terminal {
                            println!("slots {}/{} {}", figures.ledger, figures.cap, words(&figures));
                        }
                    }
                    None => shown.set_message("the gate does not answer"),
                }
                tokio::time::sleep(if terminal { ON_A_TERMINAL } else { IN_A_FILE }).await;
            }
        });
        Self { task, bar }
    }

    pub(super) fn stop(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

fn words(figures: &Figures) -> String {
    let Figures { by_plan, overflow, started, rejected, mode, ledger, database, provider_live, .. } = figures;
    format!(
        "{by_plan} | overflow {overflow} | started {started} refused {rejected} | provider {provider_live} ledger {ledger} database {database} | {mode}"
    )
}
