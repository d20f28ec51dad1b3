//! What the adapters do with the outside world: files, databases, upstreams.

mod checks;
mod config;
mod history;
mod import;
mod migrate;
mod persistence;
mod provider;
mod reload;
