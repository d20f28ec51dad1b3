//! By achievement: a member's chance is in proportion to weight x success rate x free capacity / latency.
//!
//! It is sampled, not the best one taken: what is measured of a member that is never picked would never change again. For the
//! same reason nobody's chance falls below a twentieth of the best one's.

use super::{Members, Random, response_time};

/// The least chance, in parts of the best one's.
const FLOOR: f64 = 1.0 / 20.0;

/// Picks one of `takers`, of whom each counts for so much besides what it has achieved.
pub(super) fn pick(
    (takers, weight): (&[usize], impl Fn(usize) -> u32),
    members: &impl Members,
    random: &mut Random,
) -> Option<usize> {
    let median = response_time::median(takers, members);
    let score = |&member: &usize| {
        let latency = response_time::micros(members.latency(member).unwrap_or(median));
        #[expect(clippy::cast_precision_loss, reason = "a chance; 2^53 microseconds are out of reach")]
        let speed = 1.0 / latency as f64;
        f64::from(weight(member)) * f64::from(members.success_rate(member)) * free(members, member) * speed
    };
    let scores: Vec<f64> = takers.iter().map(score).collect();
    let least = scores.iter().copied().fold(0.0, f64::max) * FLOOR;
    let scores: Vec<f64> = scores.into_iter().map(|score| score.max(least)).collect();
    draw(&scores, random).map(|at| takers[at])
}

/// The free part of what a member can serve at once; where nobody knows how much that is, the part that one more request
/// would have of it.
fn free(members: &impl Members, member: usize) -> f64 {
    let busy = f64::from(members.in_flight(member));
    match members.capacity(member) {
        Some(capacity) => (1.0 - busy / f64::from(capacity.max(1))).max(0.0),
        None => 1.0 / (busy + 1.0),
    }
}

/// A position, with a chance in proportion to its score; if nobody has any, all alike.
fn draw(scores: &[f64], random: &mut Random) -> Option<usize> {
    let total: f64 = scores.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return (!scores.is_empty()).then(|| random.usize(..scores.len()));
    }
    let mut left = random.f64() * total;
    let reached = scores.iter().position(|score| {
        left -= score;
        left < 0.0
    });
    // Rounding may leave a rest.
    reached.or(scores.len().checked_sub(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::pool::{
        RotationKind,
        rotation::tests::{Fleet, check_shares},
    };

    #[track_caller]
    fn check(change: impl FnOnce(&mut Fleet), shares: [u32; 4]) {
        let mut fleet = Fleet::weighing([1; 4]);
        for member in &mut fleet.members {
            member.latency = Some(Duration::from_millis(100));
        }
        change(&mut fleet);
        check_shares(RotationKind::PerformanceWeighted, &fleet, shares);
    }

    #[test]
    fn each_factor_counts() {
        check(|_| {}, [1, 1, 1, 1]);
        check(|fleet| fleet.members[0].weight = 3, [3, 1, 1, 1]);
        check(|fleet| fleet.members[1].success_rate = 500_000, [2, 1, 2, 2]);
        check(|fleet| fleet.members[2].latency = Some(Duration::from_millis(200)), [2, 2, 1, 2]);
        check(|fleet| fleet.members[3].in_flight = 1, [2, 2, 2, 1]);
        check(|fleet| (fleet.members[3].capacity, fleet.members[3].in_flight) = (Some(4), 3), [4, 4, 4, 1]);
    }

    #[test]
    fn an_unmeasured_member_counts_as_the_median_one() {
        check(|fleet| fleet.members[0].latency = None, [1, 1, 1, 1]);
    }

    #[test]
    fn nobody_falls_below_a_twentieth_of_the_best() {
        check(|fleet| fleet.members[0].success_rate = 0, [1, 20, 20, 20]);
        check(|fleet| fleet.members[0].latency = Some(Duration::MAX), [1, 20, 20, 20]);
        let useless = |fleet: &mut Fleet| {
            for member in &mut fleet.members {
                member.success_rate = 0;
            }
        };
        check(useless, [1, 1, 1, 1]);
    }
}
