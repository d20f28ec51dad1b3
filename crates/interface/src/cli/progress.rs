//! How far long work has come, for people at a terminal.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// One line on standard error that counts to a hundred and goes away; nothing where nobody looks.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    whole: Duration,
    /// In hundredths.
    shown: AtomicU64,
    is_shown: bool,
}

impl Progress {
    /// Shows how much of `whole` is done, if standard error is a terminal.
    pub fn of_stderr(what: &'static str, whole: Duration) -> Self {
        Self { what, whole, shown: AtomicU64::new(0), is_shown: stderr().is_terminal() }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { what: "", whole: Duration::ZERO, shown: AtomicU64::new(0), is_shown: false }
    }

    /// So much of the whole is done.
    pub fn at(&self, done: Duration) {
        if !self.is_shown {
            return;
        }
        let hundredths = percent(done, self.whole);
        if self.shown.fetch_max(hundredths, Relaxed) < hundredths {
            // Nothing is lost if nobody sees it.
            let _ = write!(stderr(), "\r{} {hundredths}%", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

fn percent(done: Duration, whole: Duration) -> u64 {
    let hundredths = done.as_millis().saturating_mul(100).checked_div(whole.as_millis()).unwrap_or(100);
    u64::try_from(hundredths.min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_to_a_hundred_and_no_further() {
        let seconds = Duration::from_secs;
        assert_eq!(percent(seconds(0), seconds(200)), 0);
        assert_eq!(percent(seconds(99), seconds(200)), 49);
        assert_eq!(percent(seconds(900), seconds(200)), 100);
        assert_eq!(percent(seconds(1), seconds(0)), 100);
    }
}
