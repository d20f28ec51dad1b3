//! What makes a running gateway load its configuration again: a change of its files, or SIGHUP.

use std::{io, sync::Arc};

use tidegate_application::ReloadService;
use tidegate_domain::config::{Reason, ReloadOutcome};
use tidegate_infrastructure::config::{ConfigWatcher, ReloadSettings, TomlReloadSource, WatchOptions};

use crate::Gateway;

/// Reloads one gateway.
pub(super) struct Reloading {
    service: Arc<ReloadService<TomlReloadSource>>,
    /// Absent if the configuration switches it off.
    watcher: Option<ConfigWatcher>,
    hangups: Hangups,
}

impl Reloading {
    /// From here on SIGHUP reloads instead of ending the process. To be called within a runtime.
    ///
    /// # Errors
    /// The system's, if the signal cannot be listened for.
    pub(super) fn new(gateway: &Gateway, source: TomlReloadSource, settings: ReloadSettings) -> io::Result<Self> {
        let options = WatchOptions { interval: settings.interval, ..WatchOptions::default() };
        let watcher = settings.is_enabled.then(|| ConfigWatcher::new(source.footprint(), options));
        Ok(Self { service: Arc::new(gateway.reload_service(source)), watcher, hangups: Hangups::new()? })
    }

    /// What reloads.
    pub(super) fn service(&self) -> &Arc<ReloadService<TomlReloadSource>> {
        &self.service
    }

    /// Reloads whenever there is a reason to; never ends.
    pub(super) async fn follow(mut self) {
        loop {
            let is_asked = tokio::select! {
                () = self.hangups.next() => true,
                () = changed(self.watcher.as_mut()) => false,
            };
            let reason =
                if is_asked { Reason::new("a signal", "SIGHUP") } else { Reason::new("the files", "they changed") };
            let outcome = self.service.reload_because(reason).await;
            if is_asked && outcome == ReloadOutcome::Unchanged {
                tracing::info!("asked to reload, but nothing changed");
            }
        }
    }
}

async fn changed(watcher: Option<&mut ConfigWatcher>) {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}
