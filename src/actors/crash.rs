//! A message at which any actor panics: the tests of supervision send it. No route leads to it.

use actix::Message;

/// Panic, now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Crash;

/// Panics.
pub(super) fn crash() {
    panic!("a crash was asked for");
}
