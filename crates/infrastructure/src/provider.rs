//! Providers: what is configured about an upstream.

mod settings;

pub use settings::{Protocol, ProviderSettings, SimulatedFailure, SimulatedSettings};
