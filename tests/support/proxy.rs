//! A line between two processes, on threads of its own, that can be held or cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Everything passes.
    Forward,
    /// New connections are accepted, and nothing is read.
    Hold,
    /// Every connection is closed, and new ones at once.
    Cut,
}

#[derive(Debug)]
struct State {
    line: Line,
    open: Vec<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens, as `http://HOST:PORT`.
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// A line to the server at `target`, as `http://HOST:PORT`.
    pub(crate) fn to(target: &str) -> Self {
        let target = target.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { line: Line::Forward, open: Vec::new() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accept(&shared, client, &target);
            }
        });
        Self { address, state }
    }

    pub(crate) fn set(&self, line: Line) {
        let mut state = self.state.lock().unwrap();
        state.line = line;
        if line == Line::Cut {
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// How many connections were accepted and not cut.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().open.len()
    }
}

fn accept(state: &Mutex<State>, client: TcpStream, target: &str) {
    let mut state = state.lock().unwrap();
    match state.line {
        Line::Cut => {
            let _ = client.shutdown(Shutdown::Both);
        }
        Line::Hold => state.open.push(client),
        Line::Forward => {
            let Ok(server) = TcpStream::connect(target) else { return };
            state.open.push(client.try_clone().unwrap());
            state.open.push(server.try_clone().unwrap());
            pump(client.try_clone().unwrap(), server.try_clone().unwrap());
            pump(server, client);
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
