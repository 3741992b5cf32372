//! Voice providers: those that carry the calls, and the simulated one.

pub mod elevenlabs;
pub mod simulator;
