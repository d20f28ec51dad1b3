//! A stand-in for the use cases: the signatures that the interface is written against, and one scripted attempt.

pub use tidegate_domain as domain;

pub mod health;
pub mod orchestration;
