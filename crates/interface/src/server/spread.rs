//! Which thread serves a connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::runtime::Handle;

/// The runtimes that connections are spread over: the one that serves fewest takes the next. Streams last, so that taking turns would not keep them even.
#[derive(Debug, Default)]
pub(super) struct Spread(Vec<(Handle, Arc<AtomicUsize>)>);

/// A connection's place at its runtime.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Spread {
    pub(super) fn over(handles: Vec<Handle>) -> Self {
        Self(handles.into_iter().map(|handle| (handle, Arc::default())).collect())
    }

    /// The runtime for one more connection; `None` if there is none but the one that accepts.
    pub(super) fn next(&self) -> Option<(&Handle, Seat)> {
        let (handle, count) = self.0.iter().min_by_key(|(_, count)| count.load(Ordering::Relaxed))?;
        count.fetch_add(1, Ordering::Relaxed);
        Some((handle, Seat(Arc::clone(count))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_runtime_that_serves_fewest_takes_the_next() {
        let spread = Spread::over(vec![Handle::current(), Handle::current()]);
        let seats: Vec<_> = (0..6).map(|_| spread.next().unwrap().1).collect();
        let counts = || spread.0.iter().map(|(_, count)| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        assert_eq!(counts(), [3, 3]);
        drop(seats);
        let _seat = spread.next();
        assert_eq!(counts(), [1, 0]);
        assert!(Spread::default().next().is_none());
    }
}
