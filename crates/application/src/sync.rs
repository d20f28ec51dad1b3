//! The locks and counters that structures of our own are made of: the standard library's, or loom's when every interleaving
//! of a few threads is to be tried (`just loom`).

#[cfg(loom_model)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicUsize},
};
#[cfg(not(loom_model))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicUsize},
};

/// Tries every interleaving of what `scenario` spawns, with at most three preemptions: more are not known to find more.
#[cfg(all(test, loom_model))]
pub(crate) fn model(scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(scenario);
}
