//! The faster of two: two members are drawn at random, and the one with the smaller expected wait is picked.
//!
//! Two draws avoid the worst member as well as a full comparison does, without sending everybody to the momentary best one.
//! Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"; the cost is Finagle's and linkerd's,
//! latency x (in flight + 1), here per weight. A member that nobody has measured counts as the median of the measured ones:
//! at zero it would get everything, at infinity nothing.

use std::time::Duration;

use super::{Members, Random};

/// Picks one of `takers`.
pub(super) fn pick(takers: &[usize], members: &impl Members, random: &mut Random) -> Option<usize> {
    if takers.len() < 2 {
        return takers.first().copied();
    }
    let first = random.usize(..takers.len());
    // One of the others, evenly: the last one stands in for the first draw.
    let mut second = random.usize(..takers.len() - 1);
    if second == first {
        second = takers.len() - 1;
    }
    let (first, second) = (takers[first], takers[second]);
    let median = median(takers, members);
    let cost = |member| u128::from(micros(members.latency(member).unwrap_or(median))) * busy(members, member);
    let weight = |member| u128::from(members.weight(member));
    // Of two alike the first, which is the one or the other by chance.
    [first, second].into_iter().min_by(|&one, &other| (cost(one) * weight(other)).cmp(&(cost(other) * weight(one))))
}

fn busy(members: &impl Members, member: usize) -> u128 {
    u128::from(members.in_flight(member)) + 1
}

/// At least one: an answer in no time does not make the load irrelevant.
pub(super) fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// The median of those that have been measured; what counts for the others.
pub(super) fn median(takers: &[usize], members: &impl Members) -> Duration {
    let mut latencies: Vec<_> = takers.iter().filter_map(|&member| members.latency(member)).collect();
    latencies.sort_unstable();
    latencies.get(latencies.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rotation::{takers, tests::Fleet};

    const PICKS: u32 = 30_000;

    fn fleet(latencies: &[Option<u64>]) -> Fleet {
        let mut fleet = Fleet::weighing(vec![1; latencies.len()]);
        for (member, latency) in fleet.members.iter_mut().zip(latencies) {
            member.latency = latency.map(Duration::from_millis);
        }
        fleet
    }

    fn counts(fleet: &Fleet) -> Vec<u32> {
        let mut random = Random::with_seed(7);
        let mut counts = vec![0; fleet.members.len()];
        for _ in 0..PICKS {
            counts[pick(&takers(fleet), fleet, &mut random).unwrap()] += 1;
        }
        counts
    }

    /// Whether a count is within five standard deviations of `share`.
    #[track_caller]
    fn check_share(count: u32, share: f64) {
        let (expected, deviation) = (f64::from(PICKS) * share, (f64::from(PICKS) * share * (1.0 - share)).sqrt());
        assert!((f64::from(count) - expected).abs() <= 5.0 * deviation, "{count} of {PICKS} is not {share}");
    }

    #[test]
    fn of_two_the_faster_is_picked_always_and_the_slowest_of_many_never() {
        assert_eq!(counts(&fleet(&[Some(10), Some(20)])), [PICKS, 0]);
        let counts = counts(&fleet(&[Some(30), Some(10), Some(20)]));
        assert_eq!(counts[0], 0);
        check_share(counts[1], 2.0 / 3.0);
        check_share(counts[2], 1.0 / 3.0);
    }

    #[test]
    fn members_alike_share_alike() {
        for latency in [None, Some(0), Some(5)] {
            for count in counts(&fleet(&[latency; 4])) {
                check_share(count, 0.25);
            }
        }
    }

    #[test]
    fn a_cold_member_counts_as_the_median_one() {
        let counts = counts(&fleet(&[Some(10), Some(20), Some(30), None]));
        // It ties with the median, beats the slowest and loses to the fastest.
        check_share(counts[3], 1.0 / 6.0 + 1.0 / 12.0);
        check_share(counts[0], 0.5);
    }

    #[test]
    fn the_median_is_the_middle_one_of_those_that_were_measured() {
        let median = |latencies: &[Option<u64>]| {
            let fleet = fleet(latencies);
            super::median(&takers(&fleet), &fleet)
        };
        assert_eq!(median(&[None, Some(50), Some(10), Some(40), None, Some(20), Some(30)]), Duration::from_millis(30));
        assert_eq!(median(&[Some(10), Some(20)]), Duration::from_millis(20), "of two the larger");
        assert_eq!(median(&[None, None]), Duration::ZERO);
    }

    #[test]
    fn load_and_weight_scale_the_wait() {
        let mut fleet = fleet(&[Some(10), Some(15)]);
        fleet.members[0].in_flight = 1;
        assert_eq!(counts(&fleet), [0, PICKS]);
        fleet.members[0].weight = 2;
        assert_eq!(counts(&fleet), [PICKS, 0]);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mut fleet = fleet(&[Some(u64::MAX), Some(u64::MAX)]);
        for member in &mut fleet.members {
            (member.weight, member.in_flight) = (crate::pool::Weight::MAX, u32::MAX);
        }
        assert!(counts(&fleet).iter().all(|&count| count > 0));
    }
}
