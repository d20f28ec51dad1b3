//! Putting another configuration in force while requests are served.
//!
//! A reload reads everything afresh, compiles the whole table that would result and swaps it at once; whatever fails on the
//! way leaves everything as it was. Reloads are made one after another. Who asks for one while another is under way waits
//! for the next, and everybody who waits for it shares it: however many ask, the last state of the files wins.
//!
//! What asks (a watcher of files, a signal) is not known here.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidegate_domain::{
    config::{Problem, ReloadOutcome, ReloadSource, Report, Successor},
    inference::ClientFactory,
    observe::{Event, Observer},
};
use tokio::sync::Mutex;

use crate::{Catalog, ChangeError};

/// Reloads the configuration of a catalog.
pub struct ReloadService<S: ReloadSource> {
    catalog: Arc<Catalog<<S::Factory as ClientFactory>::Client>>,
    source: S,
    observer: Arc<dyn Observer>,
    /// How many reloads were asked for.
    asked: AtomicU64,
    progress: Mutex<Progress<S::Factory>>,
}

struct Progress<F> {
    /// How instances are reached now.
    running: Arc<F>,
    /// How many of those that were asked for are done.
    done: u64,
    /// What became of the last one.
    last: ReloadOutcome,
}

impl<S: ReloadSource> ReloadService<S> {
    /// Reloads what `catalog` holds from `source`; `running` is the factory that it was loaded with.
    pub fn new(
        catalog: Arc<Catalog<<S::Factory as ClientFactory>::Client>>,
        source: S,
        running: S::Factory,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let progress = Progress { running: Arc::new(running), done: 0, last: ReloadOutcome::Unchanged };
        Self { catalog, source, observer, asked: AtomicU64::new(0), progress: Mutex::new(progress) }
    }

    /// Puts in force what the source says now, and tells what became of it. A reload that began after this was called
    /// answers it as well.
    pub async fn reload(&self) -> ReloadOutcome {
        let ticket = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut progress = self.progress.lock().await;
        if progress.done >= ticket {
            return progress.last.clone();
        }
        let covers = self.asked.load(Ordering::Acquire);
        let outcome = self.run(&mut progress).await;
        progress.done = covers;
        progress.last = outcome.clone();
        outcome
    }

    async fn run(&self, progress: &mut Progress<S::Factory>) -> ReloadOutcome {
        let outcome = match self.source.load(&progress.running).await {
            Ok(successor) if successor.configuration.content_hash == self.catalog.content_hash() => {
                ReloadOutcome::Unchanged
            }
            Ok(successor) => self.apply(successor, progress).await,
            Err(report) => ReloadOutcome::Rejected(report),
        };
        self.catalog.set_rejected(match &outcome {
            ReloadOutcome::Applied { .. } | ReloadOutcome::Unchanged => None,
            ReloadOutcome::Rejected(report) => Some(report.errors()),
        });
        self.observer.observe(&Event::Reloaded(&outcome));
        outcome
    }

    async fn apply(&self, successor: Successor<S::Factory>, progress: &mut Progress<S::Factory>) -> ReloadOutcome {
        let Successor { configuration, factory, deferred } = successor;
        let factory = Arc::new(factory);
        match self.catalog.succeed(configuration, Arc::clone(&factory) as Arc<_>).await {
            Ok(replaced) => {
                progress.running = factory;
                ReloadOutcome::Applied { revision: replaced.revision, diff: replaced.diff, deferred }
            }
            Err(error) => ReloadOutcome::Rejected(report_of(&error)),
        }
    }
}

fn report_of(error: &ChangeError) -> Report {
    let help = match error {
        ChangeError::Repository(_) => "look at the store, then reload",
        ChangeError::Invalid(_) | ChangeError::OwnedByFile { .. } => "correct the definitions; nothing has changed",
    };
    Problem::error("", error.to_string()).help(help).into()
}

impl<S: ReloadSource> fmt::Debug for ReloadService<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReloadService").finish_non_exhaustive()
    }
}
