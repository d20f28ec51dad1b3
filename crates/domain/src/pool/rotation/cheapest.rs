//! The cheapest: the member where the request is likely to cost least. Where nobody knows, it is taken for the dearest: a
//! price that was forgotten must not attract the traffic. Ties go to the faster of two.
//!
//! In a large pool the members are sorted by [`Tariff`] once, and a request is priced once for each of them: no member is
//! missed who is cheaper, and those who cost the same are drawn by lot as in every other rotation.

use std::collections::HashMap;

use super::{Members, Random, Tariff, lots, may_take, response_time, takers};

pub(super) fn pick(members: &impl Members, random: &mut Random) -> Option<usize> {
    let mut takers = takers(members);
    let least = takers.iter().map(|&member| cost(members, member)).min()?;
    takers.retain(|&member| cost(members, member) == least);
    response_time::pick(&takers, members, random)
}

fn cost(members: &impl Members, member: usize) -> u64 {
    members.cost(member).unwrap_or(u64::MAX)
}

/// The members of a large pool by tariff, who keep it until the pool is rearranged.
#[derive(Debug, Clone, Default)]
pub(super) struct Tariffs(Vec<Vec<usize>>);

impl Tariffs {
    /// Picks one of a large pool; `None` if nobody may be picked.
    pub(super) fn pick(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        self.sort(members);
        let mut dearer_than = None;
        loop {
            let costs = self.0.iter().filter_map(|alike| Some((cost(members, *alike.first()?), alike)));
            let left: Vec<_> = costs.filter(|(cost, _)| Some(*cost) > dearer_than).collect();
            let least = left.iter().map(|(cost, _)| *cost).min()?;
            let cheapest: Vec<_> = left.iter().filter(|(cost, _)| *cost == least).map(|(_, alike)| *alike).collect();
            let mut sample = lots::sample_of(&cheapest, members, random);
            if sample.is_empty() {
                sample = cheapest.into_iter().flatten().copied().filter(|&member| may_take(members, member)).collect();
            }
            sample.sort_unstable();
            sample.dedup();
            if let Some(picked) = response_time::pick(&sample, members, random) {
                return Some(picked);
            }
            dearer_than = Some(least);
        }
    }

    fn sort(&mut self, members: &impl Members) {
        if self.0.iter().map(Vec::len).sum::<usize>() == members.count() {
            return;
        }
        self.0.clear();
        let mut known = HashMap::new();
        for member in 0..members.count() {
            let tariff = members.tariff(member);
            let at = match tariff {
                Tariff::Own => self.0.len(),
                Tariff::Unknown | Tariff::Prices(_) => *known.entry(tariff).or_insert(self.0.len()),
            };
            match self.0.get_mut(at) {
                Some(alike) => alike.push(member),
                None => self.0.push(vec![member]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::{Rotation, RotationKind, rotation::tests::Fleet};

    fn fleet(costs: &[Option<u64>]) -> Fleet {
        let mut fleet = Fleet::weighing(vec![1; costs.len()]);
        for (member, cost) in fleet.members.iter_mut().zip(costs) {
            member.cost = *cost;
        }
        fleet
    }

    fn picked(fleet: &Fleet) -> Option<usize> {
        pick(fleet, &mut Random::with_seed(1))
    }

    #[test]
    fn the_least_cost_is_picked_however_slow() {
        let mut fleet = fleet(&[Some(30), Some(10), Some(20)]);
        fleet.members[1].latency = Some(Duration::from_mins(1));
        assert_eq!(picked(&fleet), Some(1));
        fleet.members[1].eligible = false;
        assert_eq!(picked(&fleet), Some(2));
    }

    #[test]
    fn an_unknown_price_comes_last_and_no_price_at_all_first() {
        assert_eq!(picked(&fleet(&[None, Some(u64::MAX - 1)])), Some(1));
        assert_eq!(picked(&fleet(&[Some(1), Some(0), None])), Some(1));
    }

    #[test]
    fn tariffs_that_come_to_the_same_are_drawn_from_alike() {
        let mut fleet = fleet(&[Some(1); 100]);
        // Another tariff, by which the request costs as much.
        fleet.members[..30].iter_mut().for_each(|member| member.weight = 2);
        let (mut rotation, mut random) = (Rotation::new(RotationKind::Cheapest), Random::with_seed(5));
        let picked = (0..1000).filter(|_| rotation.pick(&fleet, &mut random).is_some_and(|member| member < 30)).count();
        // Of two, the heavier one is picked: one of the thirty unless both are others, which is so 49 times in 100.
        assert!((460..=560).contains(&picked), "{picked} of 1000");
    }

    #[test]
    fn a_large_pool_is_priced_once_for_each_tariff() {
        let mut fleet = fleet(&[Some(30), Some(10), None, Some(20)].repeat(250));
        let mut rotation = Rotation::new(RotationKind::Cheapest);
        let mut random = Random::with_seed(3);
        for _ in 0..100 {
            assert_eq!(rotation.pick(&fleet, &mut random).map(|member| member % 4), Some(1));
        }
        assert!(fleet.asked.get() <= 900, "asked {} times whether a member may be picked", fleet.asked.get());
        fleet.members.iter_mut().filter(|member| member.cost == Some(10)).for_each(|member| member.eligible = false);
        assert_eq!(rotation.pick(&fleet, &mut random).map(|member| member % 4), Some(3));
        fleet.members[997].eligible = true;
        assert_eq!(rotation.pick(&fleet, &mut random), Some(997));
    }

    #[test]
    fn of_two_that_cost_the_same_the_faster_one_is_picked() {
        let mut fleet = fleet(&[Some(1), Some(1), Some(2)]);
        for (member, millis) in fleet.members.iter_mut().zip([20, 10, 1]) {
            member.latency = Some(Duration::from_millis(millis));
        }
        assert_eq!(picked(&fleet), Some(1));
    }
}
