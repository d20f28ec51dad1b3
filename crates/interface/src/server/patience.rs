//! Waiting until a moment that keeps moving.
//!
//! A deadline that is put off with every request would cost a visit to the timer each time. Here the timer is left where it is, looked at when it
//! goes off, and only then put off to where the deadline has moved meanwhile.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for deadlines that mostly move further away.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<(Pin<Box<Sleep>>, Instant)>);

impl Patience {
    /// Resolves once `deadline` has passed.
    pub(super) fn poll_over(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let (sleep, armed) = self.0.get_or_insert_with(|| (Box::pin(sleep_until(deadline)), deadline));
        if deadline < *armed {
            sleep.as_mut().reset(deadline);
            *armed = deadline;
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if deadline <= *armed || deadline <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
            *armed = deadline;
        }
    }
}

/// A moment that is set when it is first asked for: what never has to wait never looks at the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    after: Duration,
    at: Option<Instant>,
}

impl Deadline {
    /// `after` the moment at which it is first asked for.
    pub(super) fn after(after: Duration) -> Self {
        Self { after, at: None }
    }

    pub(super) fn at(&mut self) -> Instant {
        *self.at.get_or_insert_with(|| Instant::now() + self.after)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn waited(patience: &mut Patience, after: Duration) -> Duration {
        let began = Instant::now();
        poll_fn(|context| patience.poll_over(began + after, context)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_kept_whether_it_moved_away_or_came_near() {
        let mut patience = Patience::default();
        for seconds in [10, 60, 1, 5] {
            let after = Duration::from_secs(seconds);
            // Armed for another moment, and left.
            let elsewhere = Instant::now() + Duration::from_secs(30);
            let _pending = poll_fn(|context| Poll::Ready(patience.poll_over(elsewhere, context))).await;
            assert_eq!(waited(&mut patience, after).await.as_secs(), seconds);
        }
    }
}
