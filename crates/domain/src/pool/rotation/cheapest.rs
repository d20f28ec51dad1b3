//! The cheapest: the member where the request is likely to cost least. Where nobody knows, it is taken for the dearest: a
//! price that was forgotten must not attract the traffic. Ties go to the faster of two.

use super::{Members, Random, response_time, takers};

pub(super) fn pick(members: &impl Members, random: &mut Random) -> Option<usize> {
    let mut takers = takers(members);
    let cost = |member: usize| members.cost(member).unwrap_or(u64::MAX);
    let least = takers.iter().copied().map(cost).min()?;
    takers.retain(|&member| cost(member) == least);
    response_time::pick(&takers, members, random)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::rotation::tests::Fleet;

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
    fn of_two_that_cost_the_same_the_faster_one_is_picked() {
        let mut fleet = fleet(&[Some(1), Some(1), Some(2)]);
        for (member, millis) in fleet.members.iter_mut().zip([20, 10, 1]) {
            member.latency = Some(Duration::from_millis(millis));
        }
        assert_eq!(picked(&fleet), Some(1));
    }
}
