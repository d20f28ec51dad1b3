//! Putting another configuration in force while requests are served.
//!
//! A reload reads everything afresh, compiles the whole table that would result and swaps it at once; whatever fails on the
//! way leaves everything as it was. Reloads are made one after another. Who asks for one while another is under way waits
//! for the next, and everybody who waits for it shares it: however many ask, the last state of the files wins.
//!
//! What has come into force is kept in a history, if there is one. Files stay the truth: a rollback puts older ones in their place
//! and reloads, so that it outlives the process; if they are rejected, the files are put back.
//!
//! What asks (a watcher of files, a signal, an operator) is not known here.

mod control;
mod history;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub use control::ConfigControl;
pub use history::{ConfigHistory, RollbackError};
use tidegate_domain::{
    config::{ConfigFiles, Document, Problem, Reason, ReloadOutcome, ReloadSource, Report, Successor},
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
    history: Option<ConfigHistory>,
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
        Self { catalog, source, observer, history: None, asked: AtomicU64::new(0), progress: Mutex::new(progress) }
    }

    /// Keeps what comes into force in `history`.
    #[must_use]
    pub fn with_history(mut self, history: ConfigHistory) -> Self {
        self.history = Some(history);
        self
    }

    /// What came into force so far, if it is kept.
    pub fn history(&self) -> Option<&ConfigHistory> {
        self.history.as_ref()
    }

    /// Puts in force what the source says now, and tells what became of it. A reload that began after this was called
    /// answers it as well.
    pub async fn reload(&self) -> ReloadOutcome {
        self.reload_because(Reason::new("gateway", "asked to reload")).await
    }

    /// As [`ReloadService::reload`], with a reason for the history.
    pub async fn reload_because(&self, reason: Reason) -> ReloadOutcome {
        let ticket = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut progress = self.progress.lock().await;
        if progress.done >= ticket {
            return progress.last.clone();
        }
        let covers = self.asked.load(Ordering::Acquire);
        let outcome = self.run(&mut progress, reason).await;
        progress.done = covers;
        progress.last = outcome.clone();
        outcome
    }

    /// Says what would keep the source from being put in force; an empty report if nothing would. Nothing changes.
    pub async fn check(&self) -> Report {
        let running = Arc::clone(&self.progress.lock().await.running);
        match self.source.load(&running).await {
            Ok(Successor { configuration, factory, .. }) => self
                .catalog
                .check(configuration, &factory)
                .await
                .err()
                .map_or_else(Report::default, |it| report_of(&it)),
            Err(report) => report,
        }
    }

    /// Puts the files of an earlier revision in place and in force; if they are rejected, the files are put back.
    ///
    /// # Errors
    /// [`RollbackError`] says what kept the files from being put in place.
    pub async fn roll_back(&self, number: u64, reason: Reason) -> Result<ReloadOutcome, RollbackError>
    where
        S: ConfigFiles,
    {
        let Reason { who, why } = reason;
        let reason = Reason { who, why: format!("rollback to revision {number}: {why}") };
        self.put_back(number, reason.clone()).await.inspect_err(|error| {
            // The one change that ends before anything is loaded: no event tells of it.
            let Reason { who, why } = &reason;
            tracing::warn!(audit = "configuration", who, why, %error, "rollback refused: everything is as it was");
        })
    }

    async fn put_back(&self, number: u64, reason: Reason) -> Result<ReloadOutcome, RollbackError>
    where
        S: ConfigFiles,
    {
        let history = self.history.as_ref().ok_or(RollbackError::NoHistory)?;
        let revision = history.find(number).await?.ok_or(RollbackError::NoSuchRevision { number })?;
        // Whoever notices the files meanwhile waits, and finds nothing to do.
        let mut progress = self.progress.lock().await;
        let before = self.source.restore(revision.accepted.documents).await?;
        let outcome = self.run(&mut progress, reason).await;
        if matches!(outcome, ReloadOutcome::Rejected(_)) {
            self.source.restore(before).await?;
            self.run(&mut progress, Reason::new("gateway", "the rollback was rejected")).await;
        }
        progress.last = outcome.clone();
        Ok(outcome)
    }

    async fn run(&self, progress: &mut Progress<S::Factory>, reason: Reason) -> ReloadOutcome {
        let asked = reason.clone();
        let outcome = match self.source.load(&progress.running).await {
            Ok(successor) if successor.configuration.content_hash == self.catalog.content_hash() => {
                ReloadOutcome::Unchanged
            }
            Ok(successor) => self.apply(successor, progress, reason).await,
            Err(report) => ReloadOutcome::Rejected(report),
        };
        self.catalog.set_rejected(match &outcome {
            ReloadOutcome::Applied { .. } | ReloadOutcome::Unchanged => None,
            ReloadOutcome::Rejected(report) => Some(report.errors()),
        });
        self.observer.observe(&Event::Reloaded { outcome: &outcome, reason: &asked });
        outcome
    }

    async fn apply(
        &self,
        successor: Successor<S::Factory>,
        progress: &mut Progress<S::Factory>,
        reason: Reason,
    ) -> ReloadOutcome {
        let Successor { configuration, factory, documents, deferred } = successor;
        let factory = Arc::new(factory);
        match self.catalog.succeed(configuration, Arc::clone(&factory) as Arc<_>).await {
            Ok(replaced) => {
                progress.running = factory;
                let outcome = ReloadOutcome::Applied { revision: replaced.revision, diff: replaced.diff, deferred };
                self.record(&outcome, documents, reason).await;
                outcome
            }
            Err(error) => ReloadOutcome::Rejected(report_of(&error)),
        }
    }

    async fn record(&self, outcome: &ReloadOutcome, documents: Vec<Document>, reason: Reason) {
        if let (Some(history), ReloadOutcome::Applied { diff, .. }) = (&self.history, outcome) {
            history.record(self.catalog.content_hash(), diff.to_string(), (documents, reason)).await;
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
