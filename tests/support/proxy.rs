//! A line between processes, on threads of its own, that can be held, slowed or cut. It may lead to several servers:
//! then each connection goes to the next one that answers, as before a load balancer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a held line looks whether it is still held.
const LOOK: Duration = Duration::from_millis(5);

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Everything passes.
    Forward,
    /// Everything passes, each piece so much later.
    Slow(Duration),
    /// Connections are accepted and stay, and nothing passes until the line is another one.
    Hold,
    /// Every connection is closed, and new ones at once.
    Cut,
}

#[derive(Debug)]
struct State {
    line: Line,
    /// How often the line was cut: what was connected before is closed for good.
    cuts: u64,
    open: Vec<TcpStream>,
    targets: Vec<String>,
    /// Connections so far.
    accepted: usize,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    /// Where it listens, as `http://HOST:PORT`.
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// A line to the server at `target`, as `SCHEME://HOST:PORT`.
    pub(crate) fn to(target: &str) -> Self {
        Self::to_any(&[target])
    }

    /// A line to several servers.
    pub(crate) fn to_any(targets: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let targets = targets.iter().map(|target| authority(target)).collect();
        let state = State { line: Line::Forward, cuts: 0, open: Vec::new(), targets, accepted: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accept(&shared, client);
            }
        });
        Self { address, state }
    }

    /// `HOST:PORT`
    pub(crate) fn authority(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    pub(crate) fn set(&self, line: Line) {
        let mut state = self.state.lock().unwrap();
        state.line = line;
        if line == Line::Cut {
            state.cuts += 1;
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Leads new connections elsewhere; open ones stay.
    pub(crate) fn lead_to(&self, targets: &[&str]) {
        self.state.lock().unwrap().targets = targets.iter().map(|target| authority(target)).collect();
    }

    /// How many connections were accepted and not cut.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().open.len()
    }
}

fn authority(address: &str) -> String {
    address.split_once("://").map_or(address, |(_, authority)| authority).to_owned()
}

fn accept(shared: &Arc<Mutex<State>>, client: TcpStream) {
    let (targets, cuts) = {
        let mut state = shared.lock().unwrap();
        state.accepted += 1;
        let mut targets = state.targets.clone();
        let first = state.accepted % targets.len().max(1);
        targets.rotate_left(first);
        (targets, state.cuts)
    };
    let server = targets.iter().find_map(|target| TcpStream::connect(target).ok());
    let mut state = shared.lock().unwrap();
    let Some(server) = server.filter(|_| state.line != Line::Cut && state.cuts == cuts) else {
        let _ = client.shutdown(Shutdown::Both);
        return;
    };
    state.open.push(client.try_clone().unwrap());
    state.open.push(server.try_clone().unwrap());
    pump(shared, cuts, client.try_clone().unwrap(), server.try_clone().unwrap());
    pump(shared, cuts, server, client);
}

/// Carries bytes one way until that end is closed.
fn pump(shared: &Arc<Mutex<State>>, cuts: u64, mut from: TcpStream, mut to: TcpStream) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut piece = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            if !passes(&shared, cuts) || to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// Waits as the line has it; whether it still is the same line.
fn passes(shared: &Mutex<State>, cuts: u64) -> bool {
    loop {
        let line = {
            let state = shared.lock().unwrap();
            if state.cuts != cuts {
                return false;
            }
            state.line
        };
        match line {
            Line::Forward => return true,
            Line::Slow(delay) => {
                std::thread::sleep(delay);
                return shared.lock().unwrap().cuts == cuts;
            }
            Line::Hold => std::thread::sleep(LOOK),
            Line::Cut => return false,
        }
    }
}
