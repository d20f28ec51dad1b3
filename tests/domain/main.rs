//! Scenarios and models of the domain's state machines, through their public API.

mod circuit_breaker;
mod health;
mod request;
mod walk;
