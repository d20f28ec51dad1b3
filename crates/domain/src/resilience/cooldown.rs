//! How long an instance is left alone because it asked for it.
//!
//! A later, shorter wait never cuts an earlier one short. Where the upstream names no wait, the time doubles with each answer
//! that says the same again, until one succeeds. Jitter only lengthens: nobody is asked before the time that it named.

use std::time::{Duration, Instant};

use super::Relapses;
use crate::{fault::Fault, pool::Random, time::after};

/// The share of a wait that jitter adds at most.
const JITTER: f64 = 0.1;

/// The cooldown of one instance, or of one credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cooldown {
    until: Option<Instant>,
    begun: Option<Instant>,
    relapses: Relapses,
}

impl Cooldown {
    /// When it is over; `None` if it is.
    pub fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|&until| now < until)
    }

    /// Leaves the instance alone for as long as `fault` calls for, of an attempt that was `sent` then; returns how long that
    /// is, or `None` if it calls for nothing.
    pub fn begin(&mut self, fault: &Fault, (sent, now): (Instant, Instant), random: &mut Random) -> Option<Duration> {
        let wait = self.wait(fault, sent, now)?;
        let until = after(now, wait.saturating_add(wait.mul_f64(JITTER * random.f64())));
        self.until = self.until.max(Some(until));
        self.begun = Some(now);
        self.until(now).map(|until| until - now)
    }

    /// An attempt succeeded: the next wait starts small again. The one under way stands.
    pub fn on_success(&mut self) {
        self.relapses.forget();
    }

    fn wait(&mut self, fault: &Fault, sent: Instant, now: Instant) -> Option<Duration> {
        let first = fault.cooldown()?;
        let growing = fault.kind.longest_cooldown().filter(|_| fault.retry_after.is_none());
        // What was sent before the last one began tells of the same saturation, not of another.
        let is_news = self.begun.is_none_or(|begun| begun < sent);
        match growing {
            Some(longest) if is_news => Some(self.relapses.relapse(now, (first, longest))),
            _ => Some(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fault::{FaultKind, Work};

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn fault(kind: FaultKind, retry_after: Option<Duration>) -> Fault {
        Fault { retry_after, ..Fault::new(kind, Work::Refused, "test") }
    }

    /// Whether a fault of an attempt that took a moment is followed by `seconds`, and up to a tenth more.
    #[track_caller]
    fn check(cooldown: &mut Cooldown, fault: &Fault, now: Instant, seconds: u32) {
        let wait = cooldown.begin(fault, (now, now), &mut Random::with_seed(5)).unwrap();
        let named = SECOND * seconds;
        assert!(named <= wait && wait <= named.mul_f64(1.0 + JITTER), "{wait:?} for {named:?}");
    }

    #[test]
    fn a_wait_that_nobody_names_doubles_until_one_succeeds() {
        let limited = fault(FaultKind::RateLimited, None);
        let (mut cooldown, mut now) = (Cooldown::default(), origin());
        for seconds in [10, 20, 40, 80, 160, 320, 600, 600] {
            check(&mut cooldown, &limited, now, seconds);
            now += SECOND * 700;
        }
        cooldown.on_success();
        check(&mut cooldown, &limited, now, 10);
    }

    #[test]
    fn a_wait_that_is_named_stands_as_it_is() {
        let limited = fault(FaultKind::RateLimited, Some(SECOND * 3));
        let (mut cooldown, mut now) = (Cooldown::default(), origin());
        for _ in 0..4 {
            check(&mut cooldown, &limited, now, 3);
            now += SECOND * 10;
        }
    }

    #[test]
    fn ten_refusals_of_one_burst_are_one() {
        let limited = fault(FaultKind::RateLimited, None);
        let (mut cooldown, sent) = (Cooldown::default(), origin());
        for answer in 0..10 {
            let now = sent + SECOND.mul_f64(0.01) * answer;
            let wait = cooldown.begin(&limited, (sent, now), &mut Random::with_seed(5)).unwrap();
            assert!(wait <= SECOND * 11, "{wait:?}");
        }
    }

    #[test]
    fn a_shorter_wait_never_cuts_a_longer_one_short() {
        let (mut cooldown, now) = (Cooldown::default(), origin());
        check(&mut cooldown, &fault(FaultKind::RateLimited, Some(SECOND * 20)), now, 20);
        let until = cooldown.until(now);
        check(&mut cooldown, &fault(FaultKind::Overloaded, None), now, 20);
        assert_eq!(cooldown.until(now), until);
        assert_eq!(until.and_then(|until| cooldown.until(until)), None, "it is over at its end");
        assert_eq!(cooldown.until(now + SECOND * 22), None);
    }

    #[test]
    fn what_calls_for_no_cooldown_begins_none() {
        let (mut cooldown, now) = (Cooldown::default(), origin());
        for kind in [FaultKind::Transient, FaultKind::Client] {
            assert_eq!(cooldown.begin(&fault(kind, None), (now, now), &mut Random::with_seed(5)), None);
        }
        assert_eq!(cooldown, Cooldown::default());
    }

    #[test]
    fn the_longest_wait_does_not_overflow() {
        let (mut cooldown, now) = (Cooldown::default(), origin());
        let absurd = fault(FaultKind::RateLimited, Some(Duration::MAX));
        assert!(cooldown.begin(&absurd, (now, now), &mut Random::with_seed(5)).is_some());
    }

    proptest! {
        #[test]
        fn no_fault_ever_brings_its_end_nearer(
            faults in prop::collection::vec((0_u64..60_000, 0_usize..FaultKind::ALL.len(), prop::option::of(0_u64..90_000)), 1..60),
        ) {
            let (mut cooldown, mut now, mut random) = (Cooldown::default(), origin(), Random::with_seed(9));
            for (wait, kind, named) in faults {
                now += Duration::from_millis(wait);
                let before = cooldown.until(now);
                cooldown.begin(&fault(FaultKind::ALL[kind], named.map(Duration::from_millis)), (now, now), &mut random);
                prop_assert!(cooldown.until(now) >= before);
            }
        }
    }
}
