//! Logs: one line per event on stderr, which leaves stdout to what commands print.

use std::{env, io, io::IsTerminal};

use tracing_subscriber::EnvFilter;

/// Starts to log. `RUST_LOG` filters; where it is unset or empty, `default_filter` does.
///
/// The first call of a process counts; later ones change nothing, so that every test may call it.
pub fn init(default_filter: &str) {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let directives = if wanted.trim().is_empty() { default_filter } else { &wanted };
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let already_started = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_env_filter(EnvFilter::builder().parse_lossy(directives))
        .try_init();
    drop(already_started);
}

#[cfg(test)]
mod tests {
    use super::init;

    #[test]
    fn logging_may_be_started_twice() {
        init("info");
        init("debug");

        assert!(::tracing::dispatcher::has_been_set());
    }
}
