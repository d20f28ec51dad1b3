//! Use cases over scripted models and paused time.

mod catalog;
mod failover;
mod reload;
mod selection;
mod streaming;
