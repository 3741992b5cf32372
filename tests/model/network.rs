//! Batches whose sender no longer waits for them. They may still be carried out.

use crate::redis::{Order, Staged};

/// Where a batch was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// One of the Redis servers.
    Server(u8),
    /// The database, as the ledger.
    Database,
}

/// What it would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// An instruction.
    Order(Order),
    /// The last step of a rebuild.
    Rename(Staged),
}

/// A batch that timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Late {
    /// What it would do.
    pub(crate) content: Content,
    /// Under which epoch.
    pub(crate) epoch: u8,
    /// Where.
    pub(crate) to: Destination,
    /// Its sender has died: batches of the next incarnation do not overtake it.
    pub(crate) of_the_dead: bool,
}
