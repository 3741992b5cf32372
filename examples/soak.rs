//! Simulated days, as many as you like: every one of them full of crashes, lost messages and doubts.
//!
//! `cargo run --release --example soak -- --hours 24 --seeds 1000`. Exits 1 where anything did not hold, or was left over,
//! and says how to live through that day again. `tests/simulation/main.rs` is the short form of it.

#[path = "../tests/simulation/world/mod.rs"]
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use world::{Day, Sabotage, Tally, Telling, live_through};

/// Violations that are told in full.
const TOLD: usize = 3;

/// Lives through simulated days of the gate.
#[derive(Debug, Parser)]
struct Soak {
    /// Virtual hours of each day.
    #[arg(long, default_value_t = 24)]
    hours: u64,
    /// How many days.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The seed of the first day.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// One day only: that of this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Tells everything that happens on that one day.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Takes something away from the gate, and sees whether the days show it.
    #[arg(long, value_enum, default_value_t = Sabotage::Nothing)]
    sabotage: Sabotage,
    /// Days at once; by default as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
}

/// What all days came to.
#[derive(Default)]
struct Account {
    tally: Tally,
    /// The same days give the same number, on any machine.
    fingerprint: u64,
    violations: Vec<String>,
}

impl Soak {
    fn day(&self, seed: u64) -> Day {
        Day { seed, hours: self.hours, sabotage: self.sabotage }
    }

    fn run(&self) -> (Account, u64) {
        let (first, days) = self.seed.map_or((self.first_seed, self.seeds), |seed| (seed, 1));
        let telling = if self.trace { Telling::All } else { Telling::Nothing };
        let threads = self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let (next, account) = (AtomicU64::new(0), Mutex::new(Account::default()));
        let (bar, done) = (progress(days, self.trace), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| report_now_and_then(&bar, &done));
            let workers: Vec<_> = (0..threads.max(1))
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let day = next.fetch_add(1, Ordering::Relaxed);
                            if day >= days {
                                return;
                            }
                            let outcome = live_through(self.day(first + day), telling);
                            let mut account = account.lock().expect("nobody panics while writing the account");
                            account.tally.add(&outcome.tally);
                            account.fingerprint = account.fingerprint.wrapping_add(outcome.hash);
                            account.violations.extend(outcome.violation.map(|violation| violation.to_string()));
                            bar.inc(1);
                        }
                    })
                })
                .collect();
            for worker in workers {
                let _ = worker.join();
            }
            done.store(true, Ordering::Relaxed);
        });
        bar.finish_and_clear();
        (account.into_inner().expect("nobody panics while writing the account"), days)
    }
}

fn progress(days: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} days, {eta} to go");
    ProgressBar::new(days).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Where nobody sees a bar, a line now and then says how far it is.
fn report_now_and_then(bar: &ProgressBar, done: &AtomicBool) {
    let began = Instant::now();
    let mut told = 0;
    while !done.load(Ordering::Relaxed) {
        thread::park_timeout(std::time::Duration::from_millis(100));
        let seconds = began.elapsed().as_secs();
        if bar.is_hidden() && seconds >= told + 10 && bar.length().is_some_and(|days| days > 1) {
            told = seconds;
            eprintln!("{}/{} days after {seconds} s", bar.position(), bar.length().unwrap_or_default());
        }
    }
}

fn main() -> ExitCode {
    let soak = Soak::parse();
    let began = Instant::now();
    let (Account { tally, fingerprint, violations }, days) = soak.run();
    let seconds = began.elapsed().as_secs_f64();
    for violation in violations.iter().take(TOLD) {
        println!("{violation}\n");
    }
    #[expect(clippy::cast_precision_loss, reason = "a speed for people to read")]
    let speed = (days * soak.hours) as f64 / seconds;
    println!("{days} days of {} hours in {seconds:.1} s: {speed:.0} simulated hours per second", soak.hours);
    println!(
        "calls      {} asked for, {} slots refused, {} admitted, {} dialled, {} came in; {} webhooks",
        tally.asked, tally.refused, tally.admitted, tally.dialled, tally.received, tally.webhooks
    );
    println!(
        "trouble    {} faults, {} crashes, {} commits in doubt, {} ledgers rebuilt",
        tally.faults, tally.crashes, tally.doubts, tally.rebuilds
    );
    let corrections: Vec<_> = tally.corrections.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    println!("sweeps     {}, which corrected: {}", tally.sweeps, corrections.join(", "));
    let rare: Vec<_> = tally.rare.iter().map(|(what, count)| format!("{count} {what}")).collect();
    println!("rare turns {}", rare.join(", "));
    println!("steps      {}, fingerprint {fingerprint:016x}", tally.steps);
    println!("violations {}, leaks {}", violations.len(), tally.leaks);
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
