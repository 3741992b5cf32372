//! Real servers for callgate's tests: Redis, PostgreSQL and Prometheus, each in a folder of its own, on a free port of loopback.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `redis` | a `redis-server`: empty at every start, or a replica of another |
//! | `postgres` | a PostgreSQL server with as many databases as a test wants |
//! | `prometheus` | a Prometheus that scrapes what it is told to |
//! | `server` | one process: ended, paused, started again |
//! | `guard` | ends what is left when the tests' own process is gone, in whatever way |

#![expect(clippy::unwrap_used, reason = "a rig that cannot go on fails its test")]

mod guard;
mod postgres;
mod prometheus;
mod redis;
mod server;

pub use postgres::Postgres;
pub use prometheus::Prometheus;
pub use redis::Redis;
