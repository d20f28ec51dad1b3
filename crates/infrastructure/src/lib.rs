//! Adapters of the Tidegate LLM gateway: each module ties one technology to a port of the domain.

pub mod config;
pub mod provider;
