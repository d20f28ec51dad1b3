//! The adapters of Tidegate: technology behind the domain's ports.
//!
//! | module | adapter |
//! |---|---|
//! | [`clock`] | the time that tokio's timers go by |
//! | [`persistence`] | repositories in memory and in SQLite |
//! | [`telemetry`] | events as metrics and log lines |

pub mod clock;
pub mod persistence;
pub mod telemetry;
