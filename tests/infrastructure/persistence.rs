//! The repositories: one contract for all, and what SQLite promises beyond it.

mod contract;
mod crash;
mod faults;
mod generated;
mod opening;
mod requests;
mod revisions;
mod subject;
