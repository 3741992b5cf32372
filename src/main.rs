//! The `callgate` binary: TLS, the log, the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // awc refuses to guess between crypto providers.
    let _ = rustls::crypto::ring::default_provider().install_default();
    callgate::telemetry::tracing::init("info,actix_server=warn,sqlx=warn,sea_orm_migration=warn");
    callgate::cli::run()
}
