//! What the store promises, whatever the database: one file per noun.
//!
//! Nothing here knows which database it runs on; [`support`] opens one.

mod append;
mod batch;
mod directory;
mod epoch;
mod inbox;
mod keys;
mod log;
mod opening;
mod pools;
mod reference;
mod replay;
mod runs;
mod schema;
mod sessions;
mod support;
