//! Slow start: a member that has just joined or come back does not get its whole share at once.
//!
//! Before each pick a member that warms up stands back with a chance of what it is not yet ready for. That gives every kind
//! of rotation the same slow start, whether it heeds weights or not: in the long run the member competes as often as
//! `weight x readiness` says, and a rotation that knows nothing of readiness stays exact among the others.

use std::time::{Duration, Instant};

use super::{Bend, Members, Random, Tariff};
use crate::pool::affinity::mix;

/// The members without those that stand back from this pick. Who does is found out of those alone that the pick asks for.
pub(super) fn ready<'a, M: Members>(members: &'a M, random: &mut Random) -> Ready<'a, M> {
    Ready { members, lot: random.u64(..) }
}

/// Members of whom some stand back.
pub(super) struct Ready<'a, M> {
    members: &'a M,
    /// Decides for each member, always alike within a pick.
    lot: u64,
}

impl<M: Members> Ready<'_, M> {
    fn stands_back(&self, member: usize) -> bool {
        mix(self.lot.wrapping_add(member as u64)) % 100 >= u64::from(self.members.readiness(member))
    }
}

impl<M: Members> Members for Ready<'_, M> {
    fn count(&self) -> usize {
        self.members.count()
    }
    fn weight(&self, member: usize) -> u32 {
        self.members.weight(member)
    }
    fn in_flight(&self, member: usize) -> u32 {
        self.members.in_flight(member)
    }
    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        self.members.last_dispatch(member)
    }
    fn latency(&self, member: usize) -> Option<Duration> {
        self.members.latency(member)
    }
    fn success_rate(&self, member: usize) -> u32 {
        self.members.success_rate(member)
    }
    fn capacity(&self, member: usize) -> Option<u32> {
        self.members.capacity(member)
    }
    fn cost(&self, member: usize) -> Option<u64> {
        self.members.cost(member)
    }
    fn tariff(&self, member: usize) -> Tariff {
        self.members.tariff(member)
    }
    fn bend(&self) -> Bend {
        Bend::default()
    }
    fn readiness(&self, _: usize) -> u32 {
        100
    }
    fn pull(&self, member: usize) -> u64 {
        self.members.pull(member)
    }
    fn is_eligible(&self, member: usize) -> bool {
        self.members.is_eligible(member) && !self.stands_back(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{
        Rotation, RotationKind,
        rotation::tests::{Fleet, Member, check_shares, origin},
    };

    #[test]
    fn a_member_that_warms_up_gets_its_part_of_a_share_in_every_rotation_by_chance() {
        let mut fleet = Fleet::weighing([1, 1, 1, 1]);
        fleet.members[3].readiness = 20;
        // One pick in five it competes for a quarter; the others share the rest alike.
        for kind in [RotationKind::Random, RotationKind::WeightedRandom, RotationKind::LeastConnections] {
            check_shares(kind, &fleet, [19, 19, 19, 3]);
        }
    }

    /// How the others share what one stands back from.
    #[track_caller]
    fn check_others(kind: RotationKind, change: impl FnOnce(&mut [Member]), shares: [u32; 4]) {
        let mut fleet = Fleet::weighing([1; 4]);
        fleet.members[3].readiness = 0;
        change(&mut fleet.members);
        check_shares(kind, &fleet, shares);
    }

    #[test]
    fn the_others_are_compared_as_ever() {
        check_others(RotationKind::Weighted, |members| members[0].weight = 3, [3, 1, 1, 0]);
        check_others(RotationKind::WeightedRandom, |members| members[0].weight = 3, [3, 1, 1, 0]);
        check_others(RotationKind::LeastConnections, |members| members[0].in_flight = 1, [0, 1, 1, 0]);
        let used = |members: &mut [Member]| members[0].last_dispatch = Some(origin());
        check_others(RotationKind::LeastRecentlyUsed, used, [0, 1, 0, 0]);
        let timed = |members: &mut [Member]| {
            for (member, millis) in members.iter_mut().zip([20, 20, 10, 5]) {
                member.latency = Some(Duration::from_millis(millis));
            }
        };
        check_others(RotationKind::ResponseTime, timed, [1, 1, 4, 0]);
        check_others(RotationKind::PerformanceWeighted, timed, [1, 1, 2, 0]);
        check_others(RotationKind::PerformanceWeighted, |members| members[0].success_rate = 500_000, [1, 2, 2, 0]);
        let nearly_full = |members: &mut [Member]| (members[0].capacity, members[0].in_flight) = (Some(5), 3);
        check_others(RotationKind::PerformanceWeighted, nearly_full, [2, 5, 5, 0]);
        let priced = |members: &mut [Member]| {
            for (member, cost) in members.iter_mut().zip([2, 1, 2, 0]) {
                member.cost = Some(cost);
            }
        };
        check_others(RotationKind::Cheapest, priced, [0, 1, 0, 0]);
        check_others(RotationKind::RoundRobin, |members| members[1].pull = 9, [0, 1, 0, 0]);
    }

    #[test]
    fn in_a_ring_it_takes_its_part_of_its_turns() {
        let mut fleet = Fleet::weighing([1, 1]);
        fleet.members[0].readiness = 10;
        let (mut rotation, mut random) = (Rotation::new(RotationKind::RoundRobin), Random::with_seed(7));
        let picks = (0..100_000).filter(|_| rotation.pick(&fleet, &mut random) == Some(0)).count();
        // In a ring of two its turn comes after every pick of the other: 1 in 11 with a readiness of 10 %, within five standard
        // deviations, and always the same.
        assert!(picks.abs_diff(9091) < 450, "{picks}");
    }

    #[test]
    fn whoever_is_alone_does_not_stand_back() {
        let mut fleet = Fleet::weighing([1, 1]);
        (fleet.members[0].readiness, fleet.members[1].eligible) = (0, false);
        for kind in RotationKind::ALL {
            assert_eq!(Rotation::new(kind).pick(&fleet, &mut Random::with_seed(1)), Some(0), "{kind:?}");
        }
    }
}
