//! Use cases over scripted models and paused time.

mod admission;
mod affinity;
mod catalog;
mod chaos;
mod checks;
mod choosing;
mod cooldown;
mod every_poll;
mod exhaustion;
mod explain;
mod failover;
mod fallback;
mod hedging;
mod mid_stream;
mod models;
mod operation;
mod overload;
mod pace;
mod quota;
mod reach;
mod reload;
mod request_log;
mod selection;
mod slow_start;
mod statistics;
mod streaming;
