//! What the store promises, whatever the database: one file per noun.
//!
//! Nothing here knows which database it runs on; [`support`] opens one.

mod append;
mod batch;
pub(super) mod batches;
mod directory;
mod epoch;
mod feed;
mod inbox;
mod keys;
mod log;
mod named_lock;
mod opening;
mod outage;
mod pools;
mod reference;
mod replay;
mod runs;
mod schema;
mod sessions;
mod slots;
pub(crate) mod support;
