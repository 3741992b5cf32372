//! Prints the document of the API (OpenAPI 3.1): `cargo run --example openapi > docs/openapi.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let document = callgate::http::document().to_pretty_json().map_err(io::Error::other)?;
    writeln!(io::stdout().lock(), "{document}")
}
