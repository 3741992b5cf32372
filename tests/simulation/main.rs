//! Simulated days: the gate's own decisions under a seeded scheduler, on virtual time, with everything going wrong.
//!
//! `examples/soak.rs` lives through many more of the same days. `docs/PROOF.md` says what they show and what not.

mod breaking;
mod days;
mod world;
