//! The simulated provider: an HTTP server on loopback that speaks the `ElevenLabs` wire format.
//! It enforces a cap of its own and counts the live calls itself, independently of the gate: it
//! judges whether ever more calls were live than the cap. It also misbehaves, on demand.
//!
//! | room | what lives there |
//! | --- | --- |
//! | `switchboard` | every call, every count and the behaviour: one pure state |
//! | `call` | one call, and how the API shows it |
//! | `behaviour` | how the provider behaves and misbehaves |
//! | `directory` | the list of conversations: filters and pages |
//! | `operator` | what has effects in time: calls that end, webhooks that follow |
//! | `notice`, `courier` | what webhooks say; how they are signed and delivered |
//! | `placement`, `registration`, `conversations`, `monitor` | the provider's own routes |
//! | `exchange` | the carrier's calls and what it was told of them: a part of the switchboard's state |
//! | `carrier`, `rest` | the carrier: asks the gate before it connects a call; its own API |
//! | `control`, `inbound`, `fields` | the routes under `/sim`, and how their bodies are read |
//! | `refusal` | error answers |
//! | `server` | the handle that starts and stops it all |

mod behaviour;
mod call;
mod carrier;
mod control;
mod conversations;
mod courier;
mod crowd;
mod directory;
mod exchange;
mod fields;
mod inbound;
mod monitor;
mod notice;
mod operator;
mod placement;
mod refusal;
mod registration;
mod rest;
mod server;
mod switchboard;

#[cfg(test)]
mod tests;

pub use server::{Simulator, SimulatorOptions};
