//! From serving over draining to the end, and who is told.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Where a server stands between its start and its end. Clones share it; whoever holds one may end the server.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    // Readable without a lock: a stream looks at it with every chunk.
    phase: AtomicU8,
    waiting: Mutex<Waiting>,
}

impl Shared {
    /// A panic elsewhere leaves a list that still holds.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Ending,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let shared = Shared { phase: AtomicU8::new(Phase::Serving as u8), waiting: Mutex::default() };
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
        // Woken without the lock: a waker may do anything.
        let wakers: Vec<_> = self.shared.waiting().places.iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn reached(&self, phase: Phase) -> bool {
        self.shared.phase.load(Ordering::Acquire) >= phase as u8
    }
}

/// Resolves once a server has reached a phase.
///
/// It is polled whenever its task wakes up, that is with every chunk of a stream, so a poll that has nothing new to
/// register costs one load and takes no lock; the first one costs a place in a list.
pub struct PhaseReached {
    lifecycle: Lifecycle,
    phase: Phase,
    registered: Option<(usize, Waker)>,
}

impl PhaseReached {
    fn new(lifecycle: &Lifecycle, phase: Phase) -> Self {
        Self { lifecycle: lifecycle.clone(), phase, registered: None }
    }
}

impl Future for PhaseReached {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.lifecycle.reached(this.phase) {
            return Poll::Ready(());
        }
        if this.registered.as_ref().is_some_and(|(_, waker)| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let waker = context.waker().clone();
        let place = this.lifecycle.shared.waiting().note(this.registered.take(), waker.clone());
        this.registered = Some((place, waker));
        // It may have been reached while nobody was registered.
        if this.lifecycle.reached(this.phase) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for PhaseReached {
    fn drop(&mut self) {
        if let Some((place, _)) = self.registered {
            self.lifecycle.shared.waiting().forget(place);
        }
    }
}

impl fmt::Debug for PhaseReached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PhaseReached").field(&self.phase).finish()
    }
}

/// Whoever waits for a phase. All are woken by every change: there are two.
#[derive(Debug, Default)]
struct Waiting {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Waiting {
    /// Notes a waker, in the place of an earlier one if there is one.
    fn note(&mut self, earlier: Option<(usize, Waker)>, waker: Waker) -> usize {
        let place = earlier.map(|(place, _)| place).or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(waker);
        place
    }

    fn forget(&mut self, place: usize) {
        self.places[place] = None;
        self.free.push(place);
    }
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
