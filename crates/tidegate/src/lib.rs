//! Tidegate, composed: the one crate that knows every layer.
//!
//! [`Gateway::builder`] gives a Rust program the whole engine without HTTP; [`commands`] are what the binary does. A
//! program that brings its own clients or repositories depends on `tidegate-application` instead and composes by hand.

pub mod commands;
mod composition;
mod gateway;
mod logging;
mod request_log;

pub use gateway::{BuildGatewayError, Gateway, GatewayBuilder};
pub use tidegate_application as application;
pub use tidegate_domain as domain;
pub use tidegate_infrastructure as infrastructure;
pub use tidegate_interface as interface;
