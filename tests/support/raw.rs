//! Clients that do not behave: they leave in the middle, or send what no library sends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::wait::DEADLINE;

/// Sends bytes to the server at `address`, as `http://HOST:PORT`; who drops the stream leaves without reading.
pub(crate) fn begin(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(authority(address)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Sends bytes and nothing more, and reads what is answered until the server closes.
pub(crate) fn answer_to(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(authority(address)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    // The server may close before everything is sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    // Nor has it to end properly.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The head and body of `POST /api/calls`.
pub(crate) fn call_in_bytes(call: &Value, headers: &str) -> String {
    let body = call.to_string();
    format!(
        "POST /api/calls HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn authority(address: &str) -> &str {
    address.strip_prefix("http://").unwrap()
}
