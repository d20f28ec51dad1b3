//! The adapters of Tidegate: each implements a port of the domain with one technology.
//!
//! Nothing here decides anything about routing, health or fallback; that is the domain's. No type of a technology (SQL,
//! HTTP, TOML) stands in a public signature, so that each adapter can be taken or left alone.
//!
//! | module | adapter |
//! |---|---|
//! | `base64` | bytes as text |
//! | [`clock`] | the time that tokio's timers go by |
//! | [`config`] | the configuration, from TOML files |
//! | `likeness` | events that differ in their text alone |
//! | [`migrate`] | configurations of the Python predecessor, rewritten as TOML |
//! | [`model_catalogue`] | what is known of the models of well-known vendors |
//! | [`operations`] | one question to a running gateway |
//! | [`persistence`] | repositories in memory and in SQLite |
//! | [`provider`] | clients of providers, and a simulated one |
//! | [`simulation`] | traffic and upstreams of a scenario |
//! | [`telemetry`] | events as metrics and log lines |
//! | [`translate`] | between the words of the caller and the words of the provider |

mod base64;
pub mod clock;
pub mod config;
#[cfg(test)]
#[path = "../../../fuzz/fuzz_targets/corpus.rs"]
mod corpus;
#[cfg(any(test, fuzzing))]
pub mod examine;
mod likeness;
pub mod migrate;
pub mod model_catalogue;
pub mod operations;
pub mod persistence;
pub mod provider;
pub mod simulation;
pub mod telemetry;
pub mod translate;
