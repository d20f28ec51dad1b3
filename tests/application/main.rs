//! Use cases over scripted models and paused time.

mod catalog;
mod chaos;
mod failover;
mod reload;
mod selection;
mod streaming;
