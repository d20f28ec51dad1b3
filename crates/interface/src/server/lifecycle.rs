//! From serving over draining to the end, and who is told.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::watch;

/// Where a server stands between its start and its end. Clones share it; whoever holds one may end the server.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // Readable without a lock: a stream looks at it with every chunk.
    phase: AtomicU8,
    // One for each phase, and each changes once: whoever is woken has what it waited for.
    is_draining: watch::Sender<bool>,
    is_ending: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Ending,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let shared = Shared {
            phase: AtomicU8::new(Phase::Serving as u8),
            is_draining: watch::Sender::new(false),
            is_ending: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Lifecycle {
    /// Asks the server to end once the requests in flight are finished.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Asks the server to end at once: open streams get their error event and are cut.
    pub fn cut(&self) {
        self.advance(Phase::Ending);
    }

    /// Whether the server has not been asked to end.
    pub fn is_serving(&self) -> bool {
        !self.reached(Phase::Draining)
    }

    /// Whether open streams are to be cut.
    pub fn is_ending(&self) -> bool {
        self.reached(Phase::Ending)
    }

    /// Resolves once the server has been asked to end.
    pub fn draining(&self) -> PhaseReached {
        PhaseReached::new(self, Phase::Draining)
    }

    /// Resolves once open streams are to be cut.
    pub fn ending(&self) -> PhaseReached {
        PhaseReached::new(self, Phase::Ending)
    }

    /// Follows the signals of the operating system for ever: the first SIGTERM or SIGINT drains, the second cuts.
    ///
    /// # Errors
    /// The system's, if a signal cannot be listened for.
    pub async fn follow_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        signals.next().await;
        tracing::info!("asked to end: finishing the requests in flight; a second signal ends at once");
        self.drain();
        signals.next().await;
        self.cut();
        std::future::pending().await
    }

    fn advance(&self, phase: Phase) {
        self.shared.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.shared.is_draining.send_replace(true);
        if phase == Phase::Ending {
            self.shared.is_ending.send_replace(true);
        }
    }

    fn reached(&self, phase: Phase) -> bool {
        self.shared.phase.load(Ordering::Acquire) >= phase as u8
    }
}

/// Resolves once a server has reached a phase.
///
/// It is polled whenever its task wakes up, that is with every chunk of a stream, so a poll that has nothing new to
/// register costs one load and takes no lock.
pub struct PhaseReached {
    lifecycle: Lifecycle,
    phase: Phase,
    change: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    registered: Option<Waker>,
}

impl PhaseReached {
    fn new(lifecycle: &Lifecycle, phase: Phase) -> Self {
        Self { lifecycle: lifecycle.clone(), phase, change: None, registered: None }
    }
}

impl Future for PhaseReached {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.lifecycle.reached(this.phase) {
            return Poll::Ready(());
        }
        if this.registered.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let shared = &this.lifecycle.shared;
        let reached = if this.phase == Phase::Ending { &shared.is_ending } else { &shared.is_draining };
        let change = this.change.get_or_insert_with(|| Box::pin(change(reached.subscribe())));
        if change.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        this.registered = Some(context.waker().clone());
        Poll::Pending
    }
}

impl fmt::Debug for PhaseReached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PhaseReached").field(&self.phase).finish()
    }
}

async fn change(mut reached: watch::Receiver<bool>) {
    // The sender lives as long as the future that polls this one.
    let _reached = reached.wait_for(|is_reached| *is_reached).await;
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_drains_before_it_ends_and_never_goes_back() {
        let lifecycle = Lifecycle::default();
        assert!(lifecycle.is_serving());
        lifecycle.drain();
        lifecycle.draining().await;
        assert!(!lifecycle.is_serving() && !lifecycle.is_ending());
        lifecycle.cut();
        lifecycle.drain();
        assert!(lifecycle.is_ending());
        lifecycle.ending().await;
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let lifecycle = Lifecycle::default();
        let waiting = tokio::spawn(lifecycle.ending());
        tokio::task::yield_now().await;
        lifecycle.drain();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        lifecycle.cut();
        waiting.await.unwrap();
    }
}
