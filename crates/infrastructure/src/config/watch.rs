//! Notices that the files of a configuration changed, however they were written.
//!
//! Editors replace a file, or empty and refill it; Kubernetes swaps a link two levels up. So directories are watched rather
//! than files, an event only prompts a look, and the look compares contents with what the last load read. Events can be lost
//! or never come (network file systems, a full queue): a look is taken every so often anyway.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use super::Footprint;

/// How patient a watcher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchOptions {
    /// How long nothing may happen until a change counts as complete.
    pub quiet: Duration,
    /// How long it is waited for quiet at most.
    pub patience: Duration,
    /// How often to look although nothing seems to have happened.
    pub interval: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(100), patience: Duration::from_secs(1), interval: Duration::from_secs(30) }
    }
}

/// Watches the files that the last load looked at.
pub struct ConfigWatcher {
    options: WatchOptions,
    footprint: watch::Receiver<Footprint>,
    /// Absent where the system cannot notify: then looking every so often is all there is.
    watcher: Option<RecommendedWatcher>,
    events: mpsc::Receiver<()>,
    watched: BTreeSet<PathBuf>,
}

impl ConfigWatcher {
    /// Watches what `footprint` says, which follows every load.
    pub fn new(footprint: watch::Receiver<Footprint>, options: WatchOptions) -> Self {
        // One waiting event is as good as many.
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                // Full means that a look is due already.
                let _ = sender.try_send(());
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, interval = ?options.interval, "files cannot be watched; looking at intervals instead");
        }
        Self { options, footprint, watcher: watcher.ok(), events, watched: BTreeSet::new() }
    }

    /// Only looks every so often, for file systems that tell of no change.
    pub fn polling(footprint: watch::Receiver<Footprint>, options: WatchOptions) -> Self {
        let (_, events) = mpsc::channel(1);
        Self { options, footprint, watcher: None, events, watched: BTreeSet::new() }
    }

    /// Resolves once the files differ from what the last load read and have come to rest. To be followed by a load: until
    /// then it resolves at once. Dropping the future loses nothing.
    pub async fn changed(&mut self) {
        loop {
            // Watch first and look then: what happens in between is seen either way.
            self.watch_places().await;
            if !self.is_current().await {
                // What was found at once may still be in the making, or a passing state.
                self.rest().await;
                if !self.is_current().await {
                    return;
                }
            }
            self.prompt().await;
            // Not a look for every event: something else in a directory may be written all the time.
            self.rest().await;
        }
    }

    /// Waits for any reason to look.
    async fn prompt(&mut self) {
        let interval = self.options.interval;
        tokio::select! {
            () = event(&mut self.events, self.watcher.is_some()) => {}
            Ok(()) = self.footprint.changed() => {}
            () = tokio::time::sleep(interval) => {}
        }
    }

    /// Waits until nothing has happened for a while, but not for ever.
    async fn rest(&mut self) {
        let end = Instant::now() + self.options.patience;
        while timeout(self.options.quiet, event(&mut self.events, self.watcher.is_some())).await.is_ok() {
            if Instant::now() >= end {
                return;
            }
        }
    }

    async fn is_current(&mut self) -> bool {
        let footprint = self.footprint.borrow_and_update().clone();
        // A look that was interrupted is taken again at the next event.
        tokio::task::spawn_blocking(move || footprint.is_current()).await.unwrap_or(true)
    }

    /// Watches every place anew: one that was removed and made again is another directory under the same name.
    async fn watch_places(&mut self) {
        let footprint = self.footprint.borrow_and_update().clone();
        let Ok(places) = tokio::task::spawn_blocking(move || footprint.places()).await else { return };
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(&places) {
            // The system forgets a removed directory by itself.
            let _ = watcher.unwatch(gone);
        }
        for place in &places {
            watch_place(watcher, place, !self.watched.contains(place));
        }
        self.watched = places;
    }
}

fn watch_place(watcher: &mut RecommendedWatcher, place: &Path, is_new: bool) {
    match watcher.watch(place, RecursiveMode::NonRecursive) {
        Err(error) if is_new => {
            tracing::warn!(place = %place.display(), %error, "a directory cannot be watched; looking at intervals instead");
        }
        Ok(()) | Err(_) => {}
    }
}

async fn event(events: &mut mpsc::Receiver<()>, is_watching: bool) {
    if !is_watching || events.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Whether an event can be a change: that a file was opened or read, as every look does, is none.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

impl fmt::Debug for ConfigWatcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConfigWatcher").field("watched", &self.watched).finish_non_exhaustive()
    }
}
