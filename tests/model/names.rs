//! The replicas and calls by which everything is indexed, and leases, which belong to one of each.

use std::fmt;
use std::ops::{Index, IndexMut};

/// How many calls a state has room for; [`Bounds`](crate::bounds::Bounds) says how many are used.
pub(crate) const CALLS: usize = 3;

/// A call id. Two replicas may ask for the same one: a client sent its Idempotency-Key to both.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Call(pub(crate) u8);

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}", self.0)
    }
}

/// A replica of the gate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// The first.
    A,
    /// The second.
    B,
}

impl Node {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::A, Self::B];

    /// Not this one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::A { "A" } else { "B" })
    }
}

/// One attempt at a slot for a call: who asked, and for the how many'th time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    /// Who asked.
    pub(crate) node: Node,
    /// Counted for each call, and not forgotten in a crash: lease ids are never used twice.
    pub(crate) serial: u8,
}

/// One of something for every call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PerCall<T>(pub(crate) [T; CALLS]);

impl<T> Index<Call> for PerCall<T> {
    type Output = T;

    fn index(&self, call: Call) -> &T {
        &self.0[usize::from(call.0)]
    }
}

impl<T> IndexMut<Call> for PerCall<T> {
    fn index_mut(&mut self, call: Call) -> &mut T {
        &mut self.0[usize::from(call.0)]
    }
}

/// One of something for every replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PerNode<T>(pub(crate) [T; 2]);

impl<T> Index<Node> for PerNode<T> {
    type Output = T;

    fn index(&self, node: Node) -> &T {
        &self.0[node as usize]
    }
}

impl<T> IndexMut<Node> for PerNode<T> {
    fn index_mut(&mut self, node: Node) -> &mut T {
        &mut self.0[node as usize]
    }
}
