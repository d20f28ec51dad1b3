//! The clock of the running gateway.

use std::time::{Instant, SystemTime};

use tidegate_domain::time::Clock;

/// Tells the time that tokio's timers go by, so that a test that pauses the runtime pauses this too.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(feature = "shaku", derive(shaku::Component))]
#[cfg_attr(feature = "shaku", shaku(interface = Clock))]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
