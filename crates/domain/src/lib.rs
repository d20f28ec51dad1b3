//! The domain of Tidegate: values, pure state machines and ports.
//!
//! Nothing here performs I/O, owns a runtime, reads a clock or draws a random number: time and randomness are arguments,
//! and everything outside is reached through a port (a trait that an adapter implements). A module is one concept; the
//! port of a concept stands next to it.
//!
//! | module | concept |
//! |---|---|
//! | [`name`] | names, references and targets that are valid by construction |
//! | [`inference`] | a request, its answer and the [`LlmClient`](inference::LlmClient) port |
//! | [`fault`] | what can go wrong with an attempt, and what each fault permits |
//! | [`json`] | JSON, read without being built |
//! | [`model`] | what a model can do, takes and costs, and what a request needs of one |
//! | [`pool`] | interchangeable instances: definition, rotation, health, statistics |
//! | [`task_group`] | a kind of work and its ordered tiers |
//! | [`admission`] | limits on what callers may send |
//! | [`resilience`] | circuit breaker, backoff, deadlines, retry budget |
//! | [`routing`] | the walk over candidates, and the trace of what was decided |
//! | [`wrapper`] | a public name for a pool, a task group or one model |
//! | [`config`] | a loaded configuration, its problems, and where it comes from |
//! | [`observe`] | events for whoever watches |
//! | [`sharded`] | what many threads add to, split so that they do not meet |
//! | [`time`] | the [`Clock`](time::Clock) port |

pub mod admission;
pub mod config;
pub mod fault;
pub mod inference;
pub mod json;
pub mod model;
pub mod name;
pub mod observe;
pub mod pool;
pub mod repository;
pub mod resilience;
pub mod routing;
pub mod sharded;
pub mod task_group;
pub mod time;
pub mod wrapper;

#[cfg(feature = "shaku")]
mod injection;
