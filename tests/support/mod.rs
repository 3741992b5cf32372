//! What tests of the whole program share: its processes, how to talk to them, and how to wait for them.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `process` | one child process: its first lines, its log, its end |
//! | `provider` | the simulated provider, as a process of its own |
//! | `cluster` | several replicas on one PostgreSQL and one Redis |
//! | `database` | a PostgreSQL database of a test's own |
//! | `door` | where a gate is asked, and what every answer must be like |
//! | `gate` | callgate as a process of its own, and the checks that follow every test |
//! | `resources` | the gate's resources by name: calls, businesses, the pool, metrics |
//! | `http` | one request and its answer |
//! | `load` | callers on threads of their own: many at once, or on and on |
//! | `problem` | what an error answer must look like |
//! | `twilio` | what the carrier asks and says, and its signature |
//! | `webhook` | what the provider may say, and its signature |
//! | `drill` | what a drill says, and a command that restarts a replica |
//! | `feed` | Server-Sent Events |
//! | `proxy` | a line between two processes that can be held or cut |
//! | `raw` | clients that do not behave |
//! | `wait` | waiting for a condition, with a deadline |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod door;
pub(crate) mod drill;
pub(crate) mod feed;
pub(crate) mod gate;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod problem;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod resources;
pub(crate) mod twilio;
pub(crate) mod wait;
pub(crate) mod webhook;
