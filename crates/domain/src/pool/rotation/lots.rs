//! Large pools: a pick looks at a few members drawn by lot, so that what it costs does not grow with the pool.
//!
//! Up to [`FEW`] members are looked at one by one. Beyond, whoever compares members compares [`SAMPLE`] of them, drawn by weight:
//! the best of a few is nearly as good as the best of all (Mitzenmacher, "The Power of Two Choices in Randomized Load
//! Balancing"), and simultaneous gateways do not all choose the same one. Where chance alone decides, the draw is the pick, with
//! exactly the chances of a full pass. Draws that hit nobody who may be picked are given up after a while; then all are
//! looked at, so that whoever is usable is found.

use super::{Members, Random, may_take};

/// The most members that are looked at one by one.
pub(super) const FEW: usize = 64;
/// The members among whom the best one is looked for.
const SAMPLE: usize = 8;
/// Draws until all members are looked at instead.
const DRAWS: usize = 32;
/// The golden ratio's fraction, in parts of 2^64: multiples of it lie as evenly between 0 and 1 as can be, however many there
/// are (Knuth, "The Art of Computer Programming", volume 3, section 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws members of a large pool, whose weights stay as they are until it is rearranged.
#[derive(Debug, Clone, Default)]
pub(super) struct Lots {
    /// The sum of the weights up to each member, itself included.
    sums: Vec<u64>,
    /// Where between 0 and 1 the last turn fell, in parts of 2^64.
    place: u64,
}

/// A few members of several lists that may be picked, drawn with equal chance.
pub(super) fn sample_of(lists: &[&Vec<usize>], members: &impl Members, random: &mut Random) -> Vec<usize> {
    let count: usize = lists.iter().map(|list| list.len()).sum();
    let member = |ticket: usize| {
        let mut ticket = ticket;
        lists.iter().find_map(|list| {
            let drawn = list.get(ticket).copied();
            ticket = ticket.saturating_sub(list.len());
            drawn
        })
    };
    let draw = |random: &mut Random| {
        let mut drawn = (0..DRAWS).filter_map(|_| member(random.usize(..count)));
        drawn.find(|&member| may_take(members, member))
    };
    (0..SAMPLE).map_while(|_| draw(random)).collect()
}

impl Lots {
    /// The lots after the members changed: the turns go on from where they are.
    pub(super) fn rearranged(&self) -> Self {
        Self { sums: Vec::new(), place: self.place }
    }

    /// Any member that may be picked, with equal chance.
    pub(super) fn alike(members: &impl Members, random: &mut Random) -> Option<usize> {
        let count = members.count();
        (0..DRAWS).map(|_| random.usize(..count)).find(|&member| may_take(members, member))
    }

    /// Any member that may be picked, with a chance in proportion to its weight.
    pub(super) fn by_weight(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        let total = self.sum_up(members)?;
        (0..DRAWS).map(|_| self.holder(random.u64(..total))).find(|&member| may_take(members, member))
    }

    /// The next member in turn: as many turns as its weight says, evenly spread. Of whoever may not be picked the turn goes
    /// to the next.
    pub(super) fn in_turn(&mut self, members: &impl Members) -> Option<usize> {
        let total = self.sum_up(members)?;
        (0..DRAWS).map(|_| self.turn(total)).find(|&member| may_take(members, member))
    }

    /// A few members that may be picked, drawn by weight; a heavy one may be among them more than once.
    pub(super) fn sample(&mut self, members: &impl Members, random: &mut Random) -> Vec<usize> {
        (0..SAMPLE).map_while(|_| self.by_weight(members, random)).collect()
    }

    /// A few members that may be picked, drawn with equal chance.
    pub(super) fn sample_alike(members: &impl Members, random: &mut Random) -> Vec<usize> {
        (0..SAMPLE).map_while(|_| Self::alike(members, random)).collect()
    }

    /// The sum of all weights; `None` if it is zero.
    fn sum_up(&mut self, members: &impl Members) -> Option<u64> {
        if self.sums.len() != members.count() {
            self.sums.clear();
            self.sums.extend((0..members.count()).scan(0, |sum, member| {
                *sum += u64::from(members.weight(member));
                Some(*sum)
            }));
        }
        self.sums.last().copied().filter(|total| *total > 0)
    }

    fn turn(&mut self, total: u64) -> usize {
        self.place = self.place.wrapping_add(GOLDEN);
        let ticket = (u128::from(self.place) * u128::from(total)) >> 64;
        self.holder(u64::try_from(ticket).unwrap_or(total))
    }

    /// Whose ticket it is, of as many tickets as the weights sum to.
    fn holder(&self, ticket: u64) -> usize {
        self.sums.partition_point(|sum| *sum <= ticket)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::{
        Rotation, RotationKind,
        rotation::tests::{Fleet, origin},
    };

    /// How often each member is picked of `picks` times.
    fn counts(kind: RotationKind, fleet: &Fleet, picks: u32) -> Vec<u32> {
        let (mut rotation, mut random) = (Rotation::new(kind), Random::with_seed(7));
        let mut counts = vec![0; fleet.members.len()];
        for _ in 0..picks {
            counts[rotation.pick(fleet, &mut random).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn a_pick_asks_no_more_members_of_a_pool_however_large() {
        for kind in RotationKind::ALL {
            let mut fleet = Fleet::weighing((0..10_000).map(|at| at % 7 + 1));
            fleet.members[5].readiness = 50;
            counts(kind, &fleet, 100);
            let asked = fleet.asked.get();
            assert!(asked <= 100 * (SAMPLE + 1), "{kind:?} asked {asked} times whether a member may be picked");
        }
    }

    #[test]
    fn as_many_as_are_few_are_all_compared() {
        let mut fleet = Fleet::weighing([1; FEW]);
        fleet.members.iter_mut().for_each(|member| member.in_flight = 1);
        fleet.members[41].in_flight = 0;
        assert_eq!(counts(RotationKind::LeastConnections, &fleet, 100)[41], 100);
        fleet.members.push(fleet.members[0]);
        assert_ne!(counts(RotationKind::LeastConnections, &fleet, 100)[41], 100, "of more, some are looked at");
    }

    #[test]
    fn nobody_is_picked_in_a_large_pool_whose_members_are_all_drained() {
        for kind in RotationKind::ALL {
            let picked = Rotation::new(kind).pick(&Fleet::weighing([0; 1000]), &mut Random::with_seed(1));
            assert_eq!(picked, None, "{kind:?}");
        }
    }

    #[test]
    fn whoever_alone_can_be_asked_is_found_in_a_large_pool() {
        for kind in RotationKind::ALL {
            let mut fleet = Fleet::weighing([1; 1000]);
            fleet.members.iter_mut().for_each(|member| member.eligible = false);
            let mut rotation = Rotation::new(kind);
            assert_eq!(rotation.pick(&fleet, &mut Random::with_seed(1)), None, "{kind:?}");
            fleet.members[777].eligible = true;
            assert_eq!(rotation.pick(&fleet, &mut Random::with_seed(1)), Some(777), "{kind:?}");
        }
    }

    #[test]
    fn turns_in_a_large_pool_are_in_proportion_to_weight_and_evenly_spread() {
        let weights: Vec<u32> = (0..100).map(|at| if at == 50 { 100 } else { at % 3 }).collect();
        let total: u32 = weights.iter().sum();
        let fleet = Fleet::weighing(weights.clone());
        let (mut rotation, mut random) = (Rotation::new(RotationKind::Weighted), Random::with_seed(0));
        let mut served = vec![0_u32; weights.len()];
        for made in 1..=10 * total {
            served[rotation.pick(&fleet, &mut random).unwrap()] += 1;
            for (&served, &weight) in served.iter().zip(&weights) {
                let ahead = (i64::from(served * total) - i64::from(made * weight)).abs();
                assert!(ahead <= 3 * i64::from(total), "{served} of {made} turns for {weight} of {total}");
            }
        }
    }

    #[test]
    fn chances_in_a_large_pool_are_those_of_a_full_pass() {
        // 70 members of whom those past the fourth are out: some draws end in a full pass.
        let mut fleet = Fleet::weighing([1, 2, 3, 4].into_iter().chain(vec![1; 66]));
        fleet.members[4..].iter_mut().for_each(|member| member.eligible = false);
        let near = |count: u32, share: u32| count.abs_diff(share) < 700;
        let alike = counts(RotationKind::Random, &fleet, 40_000);
        assert!(alike[..4].iter().all(|&count| near(count, 10_000)), "{:?}", &alike[..4]);
        let weighted = counts(RotationKind::WeightedRandom, &fleet, 40_000);
        assert!(weighted.iter().zip([4000, 8000, 12_000, 16_000]).all(|(&count, share)| near(count, share)));
    }

    #[test]
    fn the_worst_of_a_large_pool_is_never_the_best_of_a_few() {
        let start = origin();
        let mut fleet = Fleet::weighing([1; 100]);
        for member in &mut fleet.members {
            (member.last_dispatch, member.latency) = (Some(start), Some(Duration::from_millis(1)));
        }
        let worst = &mut fleet.members[3];
        (worst.in_flight, worst.last_dispatch) = (9, Some(start + Duration::from_secs(1)));
        for kind in [RotationKind::LeastConnections, RotationKind::LeastRecentlyUsed, RotationKind::ResponseTime] {
            assert_eq!(counts(kind, &fleet, 5000)[3], 0, "{kind:?}");
        }
    }

    #[test]
    fn a_heavy_member_of_a_large_pool_gets_its_share_by_achievement() {
        let mut fleet = Fleet::weighing([1; 101]);
        fleet.members[9].weight = 100;
        let heavy = counts(RotationKind::PerformanceWeighted, &fleet, 10_000)[9];
        assert!(heavy.abs_diff(5000) < 250, "{heavy} of 10,000, for half of the weight");
    }

    #[test]
    fn turns_go_on_from_where_they_are_when_members_change() {
        let fleet = Fleet::weighing([1; 100]);
        let mut rotation = Rotation::new(RotationKind::Weighted);
        let mut random = Random::with_seed(0);
        let first = rotation.pick(&fleet, &mut random);
        let survivors: Vec<_> = (0..100).map(Some).collect();
        let mut rearranged = rotation.rearranged(RotationKind::Weighted, &survivors);
        assert_ne!(rearranged.pick(&fleet, &mut random), first);
    }
}
