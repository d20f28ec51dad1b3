//! What an instance has lately achieved, as a rotation sees it: how fast it was, and how often it answered.

use std::time::{Duration, Instant};

use super::PeakLatency;

/// The part that the latest attempt has in the rate of success.
const STEP: f64 = 0.1;
/// How long a latency says something. An instance that is never picked for one bad moment would never be measured again.
const FRESH: Duration = Duration::from_mins(2);
/// What a fault makes of a latency that nobody has measured.
const FAULTY: Duration = Duration::from_secs(1);
/// The most that faults make of a latency.
const WORST: Duration = Duration::from_mins(1);

/// The recent achievement of one instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Performance {
    latency: PeakLatency,
    measured: Option<Instant>,
    success_rate: f64,
}

impl Default for Performance {
    fn default() -> Self {
        Self { latency: PeakLatency::default(), measured: None, success_rate: 1.0 }
    }
}

impl Performance {
    /// An attempt began to answer after `latency`.
    pub fn answered(&mut self, latency: Duration, now: Instant) {
        self.success_rate += (1.0 - self.success_rate) * STEP;
        self.measure(latency, now);
    }

    /// An attempt failed in a way that counts. That doubles the latency: an instance that fails in a millisecond is always idle
    /// and would look the fastest of all, and so draw all traffic into a black hole.
    pub fn failed(&mut self, now: Instant) {
        self.success_rate -= self.success_rate * STEP;
        let doubled = self.latency(now).map_or(FAULTY, |latency| latency.max(Duration::from_millis(1)) * 2);
        self.measure(doubled.min(WORST), now);
    }

    /// The peak average of the time to first content; `None` if nobody has measured it lately.
    pub fn latency(&self, now: Instant) -> Option<Duration> {
        let measured = self.measured?;
        if now.saturating_duration_since(measured) > FRESH {
            return None;
        }
        self.latency.average()
    }

    /// The moving average of success, in millionths.
    pub fn success_rate(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies from 0 to a million")]
        let millionths = (self.success_rate * 1e6).round() as u32;
        millionths
    }

    fn measure(&mut self, latency: Duration, now: Instant) {
        self.measured = Some(now);
        self.latency.observe(latency, now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BinaryHeap;

    use super::*;
    use crate::pool::{
        Random, Rotation, RotationKind,
        rotation::tests::{Fleet, origin},
    };

    #[test]
    fn success_and_latency_follow_what_happens() {
        let (now, mut performance) = (origin(), Performance::default());
        assert_eq!((performance.latency(now), performance.success_rate()), (None, 1_000_000));
        performance.answered(Duration::from_millis(10), now);
        performance.failed(now);
        assert_eq!(performance.latency(now), Some(Duration::from_millis(20)));
        assert_eq!(performance.success_rate(), 900_000);
        performance.answered(Duration::from_millis(10), now + Duration::from_mins(1));
        assert_eq!(performance.success_rate(), 910_000);
    }

    #[test]
    fn faults_slow_an_instance_down_to_a_bound_and_for_a_time() {
        let (now, mut performance) = (origin(), Performance::default());
        performance.failed(now);
        assert_eq!(performance.latency(now), Some(FAULTY));
        for _ in 0..20 {
            performance.failed(now);
        }
        assert_eq!(performance.latency(now), Some(WORST));
        assert_eq!(performance.latency(now + FRESH), Some(WORST));
        assert_eq!(performance.latency(now + FRESH + Duration::from_nanos(1)), None, "it is tried again");
    }

    /// A hundred requests a second on ten instances, of which nine answer after a second and one fails after a millisecond.
    /// Returns the share of the failing one in percent.
    fn black_hole(kind: RotationKind) -> u32 {
        const REQUESTS: u32 = 20_000;
        let start = origin();
        let (mut rotation, mut random) = (Rotation::new(kind), Random::with_seed(11));
        let (mut fleet, mut performances) = (Fleet::weighing([1; 10]), [Performance::default(); 10]);
        let mut ends: BinaryHeap<(std::cmp::Reverse<Instant>, usize)> = BinaryHeap::new();
        let mut failing = 0;
        for request in 0..REQUESTS {
            let now = start + Duration::from_millis(10) * request;
            while let Some(&(std::cmp::Reverse(end), member)) = ends.peek().filter(|(end, _)| end.0 <= now) {
                ends.pop();
                fleet.members[member].in_flight -= 1;
                match member {
                    0 => performances[0].failed(end),
                    _ => performances[member].answered(Duration::from_secs(1), end),
                }
            }
            for (member, performance) in fleet.members.iter_mut().zip(&performances) {
                (member.latency, member.success_rate) = (performance.latency(now), performance.success_rate());
            }
            let picked = rotation.pick(&fleet, &mut random).unwrap();
            fleet.members[picked].in_flight += 1;
            failing += u32::from(picked == 0);
            let took = Duration::from_millis(if picked == 0 { 1 } else { 1000 });
            ends.push((std::cmp::Reverse(now + took), picked));
        }
        failing * 100 / REQUESTS
    }

    #[test]
    fn a_member_that_fails_at_once_is_no_black_hole() {
        assert!(black_hole(RotationKind::ResponseTime) < 2);
        assert!(black_hole(RotationKind::PerformanceWeighted) < 2);
    }
}
