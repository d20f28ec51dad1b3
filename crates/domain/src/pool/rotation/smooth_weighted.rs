//! Smooth weighted round robin, as nginx does it: exact proportions over a cycle of picks, without bursts.
//!
//! Every eligible member gains its weight; the richest is picked and pays the sum. After as many picks as the weights sum
//! to, every member was picked exactly as often as its weight says and all balances are zero again. A member that is not
//! eligible neither gains nor pays, so that it does not come back to a burst.
//!
//! Balances are counted in weight, and so mean something only beside the sum of the weights that compete. When that sum
//! falls - the heavy member is out, or weights were set anew - a part of a turn would be worth many turns, and one member
//! would get them all in a row. nginx lets that wash out; here such balances are first compressed to at most one turn.

use super::Members;

/// The balance of each member, by position.
#[derive(Debug, Clone, Default)]
pub(super) struct SmoothWeighted {
    balances: Vec<i64>,
    /// The members that compete for a pick, with their weights; kept for its memory only.
    takers: Vec<(usize, i64)>,
}

impl SmoothWeighted {
    pub(super) fn pick(&mut self, members: &impl Members) -> Option<usize> {
        self.balances.resize(members.count(), 0);
        self.takers.clear();
        self.takers.extend(super::eligible(members).map(|member| (member, i64::from(members.weight(member)))));
        let total = self.takers.iter().map(|(_, weight)| weight).sum();
        self.compress(total);
        let mut richest: Option<usize> = None;
        for &(member, weight) in &self.takers {
            self.balances[member] += weight;
            if richest.is_none_or(|best| self.balances[member] > self.balances[best]) {
                richest = Some(member);
            }
        }
        let picked = richest?;
        self.balances[picked] -= total;
        Some(picked)
    }

    /// Survivors keep their balance, shifted so that the sum is zero again; joiners start level.
    pub(super) fn rearranged(&self, survivors: &[Option<usize>]) -> Self {
        let kept = |old: &Option<usize>| old.and_then(|old| self.balances.get(old)).copied().unwrap_or(0);
        let mut balances: Vec<i64> = survivors.iter().map(kept).collect();
        let surplus = balances.iter().sum();
        for (at, balance) in balances.iter_mut().enumerate() {
            *balance -= share_of(surplus, survivors.len(), at);
        }
        Self { balances, takers: Vec::new() }
    }

    /// Brings balances that lie further apart than a stable membership ever drives them to within one turn of each other;
    /// their order and their sum stay.
    fn compress(&mut self, total: i64) {
        let (Some(low), Some(high)) = (self.competing().min(), self.competing().max()) else { return };
        let (spread, count) = (high - low, self.takers.len());
        if spread <= total * turns_apart(count) {
            return;
        }
        let sum: i64 = self.competing().sum();
        for &(member, _) in &self.takers {
            let scaled = i128::from(self.balances[member]) * i128::from(total) / i128::from(spread);
            self.balances[member] = i64::try_from(scaled).unwrap_or(total);
        }
        let surplus = self.competing().sum::<i64>() - sum;
        for (at, &(member, _)) in self.takers.iter().enumerate() {
            self.balances[member] -= share_of(surplus, count, at);
        }
    }

    fn competing(&self) -> impl Iterator<Item = i64> {
        self.takers.iter().map(|&(member, _)| self.balances[member])
    }
}

/// The turns that the balances of `count` steady members can lie apart: less than one below zero, and above it less than
/// the harmonic number of `count` less one (a cup game, with the fullest cup emptied). This is never less than their sum.
fn turns_apart(count: usize) -> i64 {
    2 + i64::from(count.max(1).ilog2())
}

/// The share of the `at`-th of `count`; the shares sum to `surplus` and differ by one at most.
fn share_of(surplus: i64, count: usize, at: usize) -> i64 {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let one_more = i64::try_from(at).is_ok_and(|at| at < surplus.rem_euclid(count));
    surplus.div_euclid(count) + i64::from(one_more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pool::rotation::tests::Fleet;

    fn total(weights: &[u32]) -> u32 {
        weights.iter().sum()
    }

    #[track_caller]
    fn pick(rotation: &mut SmoothWeighted, fleet: &Fleet) -> usize {
        let picked = rotation.pick(fleet).unwrap();
        assert_eq!(rotation.balances.iter().sum::<i64>(), 0, "a pick moves balance, it never makes any");
        picked
    }

    #[test]
    fn picks_are_spread_as_in_nginx() {
        let mut rotation = SmoothWeighted::default();
        let fleet = Fleet::weighing([5, 1, 1]);
        let picks: Vec<_> = (0..7).map(|_| pick(&mut rotation, &fleet)).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_cycle_goes_on_where_it_was_when_members_join_or_move() {
        let mut rotation = SmoothWeighted::default();
        let fleet = Fleet::weighing([5, 1, 1]);
        let before: Vec<_> = (0..3).map(|_| pick(&mut rotation, &fleet)).collect();
        assert_eq!(before, [0, 0, 1]);
        let mut moved = rotation.rearranged(&[Some(2), Some(1), Some(0)]);
        let rest: Vec<_> = (0..4).map(|_| pick(&mut moved, &Fleet::weighing([1, 1, 5]))).collect();
        assert_eq!(rest, [2, 0, 2, 2], "as in nginx: 0, 0, 1, 0, 2, 0, 0");
    }

    #[test]
    fn the_balances_of_a_stable_membership_are_never_compressed() {
        let mut harmonic = 0.0;
        for count in 1..=1000_u32 {
            harmonic += 1.0 / f64::from(count);
            #[expect(clippy::cast_precision_loss, reason = "a dozen at most")]
            let allowed = turns_apart(count as usize) as f64;
            assert!(harmonic < allowed, "{count} members: {harmonic} turns apart");
        }
    }

    proptest! {
        #[test]
        fn every_cycle_is_exact_and_no_turn_comes_far_off_its_time(
            weights in prop::collection::vec(1_u32..60, 1..=10),
        ) {
            let mut rotation = SmoothWeighted::default();
            let fleet = Fleet::weighing(weights.clone());
            let cycle = total(&weights);
            let mut served = vec![0_u32; weights.len()];
            for made in 1..=2 * cycle {
                served[pick(&mut rotation, &fleet)] += 1;
                for (&served, &weight) in served.iter().zip(&weights) {
                    // In units of 1/cycle of a turn, so that the comparison is exact.
                    let ahead = i64::from(served * cycle) - i64::from(made * weight);
                    prop_assert!(ahead < i64::from(cycle), "served early by a turn or more");
                    prop_assert!(ahead > -2 * i64::from(cycle), "served late by two turns or more");
                }
                if made % cycle == 0 {
                    prop_assert!(rotation.balances.iter().all(|&balance| balance == 0));
                    let due: Vec<_> = weights.iter().map(|weight| weight * (made / cycle)).collect();
                    prop_assert_eq!(&served, &due);
                }
            }
        }

        #[test]
        fn nobody_waits_longer_than_two_and_a_half_of_its_periods(weights in prop::collection::vec(1_u32..60, 1..=10)) {
            let mut rotation = SmoothWeighted::default();
            let fleet = Fleet::weighing(weights.clone());
            let cycle = total(&weights);
            let mut last = vec![0; weights.len()];
            for made in 1..=2 * cycle {
                let picked = pick(&mut rotation, &fleet);
                let others = made - last[picked] - 1;
                last[picked] = made;
                // Longer than the period itself, as the lag of a turn may be more than one.
                prop_assert!(2 * others * weights[picked] <= 5 * cycle, "{others} picks of others in a row");
            }
        }

        #[test]
        fn who_was_out_does_not_come_back_to_a_burst(
            weights in prop::collection::vec(1_u32..20, 2..=6),
            before in 0_u32..50,
            away in 0_u32..500,
        ) {
            let mut rotation = SmoothWeighted::default();
            let mut fleet = Fleet::weighing(weights.clone());
            for _ in 0..before {
                pick(&mut rotation, &fleet);
            }
            fleet.members[0].eligible = false;
            for _ in 0..away {
                prop_assert_ne!(pick(&mut rotation, &fleet), 0);
            }
            fleet.members[0].eligible = true;
            let cycle = total(&weights);
            let caught_up: u32 = (0..cycle).map(|_| u32::from(pick(&mut rotation, &fleet) == 0)).sum();
            // Its own weight, and at most what it was owed or owed when it left.
            prop_assert!(caught_up <= weights[0] + 2, "{caught_up} of {cycle}");
            prop_assert!(caught_up + 2 >= weights[0], "{caught_up} of {cycle}");
        }

        #[test]
        fn nobody_gets_a_row_of_picks_when_the_heavy_member_goes(
            heavy in 1_u32..=1_000_000,
            light in prop::collection::vec(1_u32..4, 2..5),
            before in 0_usize..3000,
        ) {
            let mut rotation = SmoothWeighted::default();
            let mut fleet = Fleet::weighing(light.iter().copied().chain([heavy]));
            for _ in 0..before {
                pick(&mut rotation, &fleet);
            }
            fleet.members[light.len()].eligible = false;
            check_no_row(&mut rotation, &fleet, &light);
        }

        #[test]
        fn nobody_gets_a_row_of_picks_when_weights_are_set_anew(
            old in prop::collection::vec(1_u32..=1_000_000, 2..5),
            before in 0_usize..300,
        ) {
            let mut rotation = SmoothWeighted::default();
            for _ in 0..before {
                pick(&mut rotation, &Fleet::weighing(old.clone()));
            }
            let new = vec![1; old.len()];
            check_no_row(&mut rotation, &Fleet::weighing(new.clone()), &new);
        }

        #[test]
        fn a_membership_change_keeps_the_sum_and_shifts_all_alike(
            balances in prop::collection::vec(-1000_i64..1000, 0..8),
            survivors in prop::collection::vec(prop::option::of(0_usize..8), 0..8),
        ) {
            let old = SmoothWeighted { balances: balances.clone(), takers: Vec::new() };
            let new = old.rearranged(&survivors).balances;
            prop_assert_eq!((new.len(), new.iter().sum::<i64>()), (survivors.len(), 0));
            let shifts: Vec<i64> = survivors
                .iter()
                .zip(&new)
                .map(|(old, new)| old.and_then(|old| balances.get(old)).copied().unwrap_or(0) - new)
                .collect();
            let apart = shifts.iter().max().zip(shifts.iter().min()).map_or(0, |(most, least)| most - least);
            prop_assert!(apart <= 1, "{shifts:?}");
        }
    }

    /// In the next two cycles everyone gets within four turns of its weight: what it was owed at most, and no more.
    #[track_caller]
    fn check_no_row(rotation: &mut SmoothWeighted, fleet: &Fleet, weights: &[u32]) {
        let mut served = vec![0_u32; fleet.members.len()];
        for _ in 0..2 * total(weights) {
            served[pick(rotation, fleet)] += 1;
        }
        for (member, (&served, &weight)) in served.iter().zip(weights).enumerate() {
            assert!(served.abs_diff(2 * weight) <= 4, "member {member} of {weights:?} got {served}");
        }
    }

    #[test]
    fn members_of_weight_one_share_alike_at_once_when_a_giant_leaves() {
        let mut rotation = SmoothWeighted { balances: vec![-500_000, 500_000, 0], takers: Vec::new() };
        let mut fleet = Fleet::weighing([1, 1, 1_000_000]);
        fleet.members[2].eligible = false;
        for due in [1, 0, 1, 0, 1, 0] {
            assert_eq!(pick(&mut rotation, &fleet), due);
            assert!(rotation.balances.iter().all(|balance| balance.abs() <= 2), "{rotation:?}: one turn is worth two");
        }
    }
}
