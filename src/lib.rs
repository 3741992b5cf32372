//! callgate: a gate for live phone calls. No outbound call starts and no inbound call stays without a slot.
//!
//! The house, from the top floor down; each floor imports only from those below it. `docs/ARCHITECTURE.md` is the tour.
//!
//! | floor | what lives there |
//! | --- | --- |
//! | [`cli`] | the commands; [`cli::Application`] wires the rooms of a node together |
//! | [`http`] | the routes: requests and webhooks become messages, answers become JSON |
//! | [`dashboard`] | the operator's page, embedded in the binary |
//! | [`actors`] | the imperative shell: who gives slots, who writes events, one session per call, who sweeps |
//! | [`provider`] | the port [`provider::VoiceProvider`], its `ElevenLabs` adapter, the carrier Twilio, the simulated provider |
//! | [`ledger`] | the port [`ledger::SlotLedger`]: who holds which slot, in memory, in Redis, or in the database |
//! | [`store`] | the port [`store::EventStore`] and the tables behind it |
//! | [`telemetry`], [`settings`] | metrics and logs; `config/default.toml`, typed |
//! | [`domain`] | pure: [`decide`](domain::call::decide) and [`evolve`](domain::call::evolve), the admission rule, what a sweep concludes |
//!
//! [`sources`] stands beside the stairs: every floor but the ground floor takes time, ids and chance from it.

pub mod actors;
pub mod cli;
pub mod dashboard;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod provider;
pub mod settings;
pub mod sources;
pub mod store;
pub mod telemetry;
