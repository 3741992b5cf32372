//! Where calls are kept: events, sessions, references, inbox, directory.
//!
//! [`EventStore`] is the port through which events are written; everything else here is its SeaORM adapter
//! and the queries of listings and answers. Other floors see no entity and no SQL.

mod bulletin;
mod clock;
mod codec;
mod commit;
mod connection;
mod directory;
mod directory_cache;
mod epoch;
mod events;
mod inbox;
mod keys;
mod named_lock;
mod pools;
mod port;
mod row;
mod runs;
mod sessions;
mod slots;

#[cfg(test)]
pub(crate) mod contract;

pub use bulletin::Bulletin;
pub use codec::{CodecError, SCHEMA_VERSION, decode, encode};
pub use commit::MemoryStore;
pub use connection::{ProcessLock, Sharing, Store, StoreOptions};
pub use directory::{Agent, PhoneNumber};
pub use directory_cache::DirectoryCache;
pub use epoch::{Begun, Epoch, EpochState, Home, NewEpoch};
pub use events::{FeedItem, RecordedEvent, Stream};
pub use inbox::{Delivery, DeliveryState, ParkedNotice};
pub use keys::{ApiKey, Scope};
pub use named_lock::LockState;
pub use port::{Append, CommitError, Conflict, EventStore, Sequence, StoreError, Trace, Write, Written};
pub use runs::Run;
pub use sessions::{Page, PageRequest, Session, SessionFilter};
pub use slots::{SlotTable, SlotTurn, Turn};
