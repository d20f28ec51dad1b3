//! What the adapters do with the outside world: files, databases, upstreams.

mod config;
mod history;
mod migrate;
mod persistence;
mod provider;
mod reload;
