//! Adapters of the Tidegate gateway to the world outside.
//!
//! | module | what it reaches |
//! |---|---|
//! | [`provider`] | providers of models: OpenAI-compatible ones over HTTP, and a simulated one |

pub mod provider;
