//! What the adapters do with the outside world: files, databases, upstreams.

mod config;
mod persistence;
mod provider;
mod reload;
