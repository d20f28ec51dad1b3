//! The files as the source of a running gateway's next configuration.

use std::{io, path::PathBuf, sync::Mutex};

use async_trait::async_trait;
use tidegate_domain::config::{ConfigFiles, Document, Problem, ReloadSource, Report, RestoreError, Successor};
use tokio::sync::watch;

use super::{Attempt, Footprint, Loaded, Settings, TomlConfigSource, compile::interrupted, restore};
use crate::provider::Providers;

/// Loads the files again, with the providers that they name, and publishes what each load looked at.
#[derive(Debug)]
pub struct TomlReloadSource {
    source: TomlConfigSource,
    /// What the process was started with: some of it cannot change while it runs.
    started_with: Settings,
    footprint: watch::Sender<Footprint>,
    /// The warnings that were logged last: a load that only repeats them is silent.
    warned: Mutex<Vec<Problem>>,
}

impl TomlReloadSource {
    /// Reloads `source`, whose load at the start looked at `footprint` and found what is `loaded`.
    pub fn new(source: TomlConfigSource, loaded: &Loaded, footprint: Footprint) -> Self {
        Self {
            source,
            started_with: loaded.settings.clone(),
            footprint: watch::Sender::new(footprint),
            warned: Mutex::new(loaded.warnings.clone()),
        }
    }

    /// What the last load looked at.
    pub fn footprint(&self) -> watch::Receiver<Footprint> {
        self.footprint.subscribe()
    }

    fn warn(&self, warnings: Vec<Problem>) {
        let mut warned = self.warned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *warned != warnings {
            for warning in &warnings {
                tracing::warn!("{warning}");
            }
            *warned = warnings;
        }
    }
}

impl ReloadSource for TomlReloadSource {
    type Factory = Providers;

    async fn load(&self, running: &Providers) -> Result<Successor<Providers>, Report> {
        let (source, running) = (self.source.clone(), running.clone());
        let attempted = tokio::task::spawn_blocking(move || {
            let Attempt { footprint, outcome } = source.attempt();
            let successor = outcome.and_then(|loaded| {
                let providers = running.succeeded_by(loaded.settings.providers.clone());
                let factory =
                    providers.map_err(|error| Report::from(Problem::error("providers", error.to_string())))?;
                let documents = loaded.documents.redacted();
                Ok((loaded, factory, documents))
            });
            (footprint, successor)
        });
        let (footprint, successor) = attempted.await.map_err(|_| interrupted())?;
        self.footprint.send_replace(footprint);
        let (loaded, factory, documents) = successor?;
        self.warn(loaded.warnings);
        let deferred = loaded.settings.deferred_from(&self.started_with);
        Ok(Successor { configuration: loaded.configuration, factory, documents, deferred })
    }
}

#[async_trait]
impl ConfigFiles for TomlReloadSource {
    async fn restore(&self, documents: Vec<Document>) -> Result<Vec<Document>, RestoreError> {
        let source = self.source.clone();
        let restored = tokio::task::spawn_blocking(move || restore(&source, documents));
        restored.await.unwrap_or_else(|_| {
            Err(RestoreError::Io {
                path: PathBuf::new(),
                source: io::Error::other("putting the files back was interrupted"),
            })
        })
    }
}
