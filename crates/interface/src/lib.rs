//! The outside of Tidegate: an OpenAI-compatible HTTP API, the operations endpoints and the command line.
//!
//! Everything here translates: bytes and arguments into the application's calls, and its answers into bytes and text.
//! Nothing here decides where a request goes or whether it is tried again.
//!
//! | module | concept |
//! |---|---|
//! | [`server`] | listeners, connections, limits and an orderly end |
//! | [`http`] | what is served on them: the data plane and the operations endpoints |
//! | [`cli`] | the arguments of the command line, and what it prints |

pub mod cli;
pub mod http;
mod problem;
pub mod server;
