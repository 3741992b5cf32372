//! Writes `docs/CONFIGURATION.md` from the settings: `cargo run --example configuration`.

use std::fs;
use std::process::ExitCode;

use callgate::settings::reference;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");

fn main() -> ExitCode {
    match fs::write(FILE, reference::markdown()) {
        Ok(()) => {
            println!("{FILE} is written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{FILE} cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}
