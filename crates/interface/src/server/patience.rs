//! How long a connection waits for the head of a request.
//!
//! hyper has one timeout for both the rest between two requests and the arrival of a head. They must differ: a rest may be
//! long, or load balancers send into connections that are being closed; a head that trickles in must not be. hyper asks
//! its timer for a sleep when it starts to wait for a head and polls it while the head is incomplete, so the sleep made
//! here is cut short as soon as the first bytes arrive.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

use super::socket::Activity;

/// The timer of one connection.
#[derive(Debug)]
pub(super) struct HeadTimer {
    activity: Arc<Activity>,
    header_timeout: Duration,
    is_fresh: AtomicBool,
}

impl HeadTimer {
    /// Gives the first head `header_timeout` from now, and every later one as much from its first byte.
    pub(super) fn new(activity: Arc<Activity>, header_timeout: Duration) -> Self {
        Self { activity, header_timeout, is_fresh: AtomicBool::new(true) }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.activity.forget_heard();
        let is_first = self.is_fresh.swap(false, Ordering::Relaxed);
        let deadline = if is_first { self.now() + self.header_timeout } else { deadline };
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            activity: Arc::clone(&self.activity),
            header_timeout: self.header_timeout,
            is_head_running: is_first,
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct HeadSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    activity: Arc<Activity>,
    header_timeout: Duration,
    is_head_running: bool,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_head_running && self.activity.has_heard() {
            self.is_head_running = true;
            let deadline = tokio::time::Instant::now() + self.header_timeout;
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}
