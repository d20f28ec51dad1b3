//! The adapters of Tidegate: each implements a port of the domain with one technology.
//!
//! Nothing here decides anything about routing, health or fallback; that is the domain's. No adapter knows another, and
//! no type of a technology (SQL, HTTP, TOML) stands in a public signature, so that each can be taken or left alone.
//!
//! | module | adapters |
//! |---|---|
//! | [`persistence`] | repositories in memory and in SQLite |

pub mod persistence;
