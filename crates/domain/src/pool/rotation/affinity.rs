//! The member that the request's key prefers, among those that have no more than their share to do.
//!
//! Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads". A hot key fills its member up to the bound,
//! then the next one in the key's order; nobody else is moved.

use std::num::NonZeroU32;

use super::{Members, takers};

/// So many requests at once are no load: a few conversations that meet at one member by chance stay there.
const FREE: u32 = 4;

pub(super) fn pick(members: &impl Members, max_load_factor: NonZeroU32) -> Option<usize> {
    let takers = takers(members);
    let loads: Vec<_> = takers.iter().map(|&member| (members.in_flight(member), members.weight(member))).collect();
    let all: u128 = loads.iter().map(|(busy, _)| u128::from(*busy)).sum::<u128>() + 1;
    let weights: u128 = loads.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let factor = u128::from(max_load_factor.get());
    // Below its share of all requests, this one included, times the factor.
    let has_room = |(busy, weight): (u32, u32)| {
        busy < FREE || u128::from(busy) * weights * 100 < factor * all * u128::from(weight)
    };
    let with_room = takers.into_iter().zip(loads).filter(|(_, load)| has_room(*load)).map(|(member, _)| member);
    with_room.max_by_key(|&member| members.pull(member))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pool::rotation::tests::Fleet;

    const FACTOR: NonZeroU32 = NonZeroU32::new(125).unwrap();

    fn fleet(pulls: &[u64]) -> Fleet {
        let mut fleet = Fleet::weighing(vec![1; pulls.len()]);
        for (member, pull) in fleet.members.iter_mut().zip(pulls) {
            member.pull = *pull;
        }
        fleet
    }

    #[test]
    fn the_member_that_pulls_most_is_picked_while_it_can_be() {
        let mut fleet = fleet(&[5, 9, 7]);
        assert_eq!(pick(&fleet, FACTOR), Some(1));
        fleet.members[1].eligible = false;
        assert_eq!(pick(&fleet, FACTOR), Some(2));
    }

    #[test]
    fn a_member_with_more_than_its_share_is_passed_over() {
        let mut fleet = fleet(&[9, 1, 1, 1]);
        fleet.members[0].in_flight = 3;
        assert_eq!(pick(&fleet, FACTOR), Some(0), "so few are no load");
        fleet.members[0].in_flight = 4;
        assert_ne!(pick(&fleet, FACTOR), Some(0), "4 of 5, where 5/4 of a quarter is less than 2");
        for member in &mut fleet.members[1..] {
            member.in_flight = 4;
        }
        assert_eq!(pick(&fleet, FACTOR), Some(0), "as much as the others");
    }

    #[test]
    fn a_heavy_member_may_have_more_to_do_than_a_light_one() {
        let mut fleet = fleet(&[1, 9]);
        fleet.members[1].weight = 3;
        (fleet.members[0].in_flight, fleet.members[1].in_flight) = (4, 8);
        assert_eq!(pick(&fleet, FACTOR), Some(1), "8 of 13, where 5/4 of three quarters is more than 12");
        (fleet.members[0].in_flight, fleet.members[1].in_flight) = (4, 75);
        assert_eq!(pick(&fleet, FACTOR), Some(0), "75 of 80, where that is 75");
    }

    proptest! {
        #[test]
        fn a_hot_key_never_overloads_a_member(count in 1_usize..8, requests in 0_u32..200, factor in 100_u32..300) {
            let mut fleet = fleet(&(0..count as u64).collect::<Vec<_>>());
            for _ in 0..requests {
                let picked = pick(&fleet, NonZeroU32::new(factor).unwrap()).unwrap();
                fleet.members[picked].in_flight += 1;
            }
            let bound = (u64::from(factor) * u64::from(requests)).div_ceil(100 * count as u64);
            let most = fleet.members.iter().map(|member| u64::from(member.in_flight)).max().unwrap();
            prop_assert!(most <= bound.max(u64::from(FREE)), "{most} of {requests} over {count}");
        }

        #[test]
        fn somebody_always_has_room(busy in prop::collection::vec(0_u32..100, 1..8), factor in 100_u32..300) {
            let mut fleet = fleet(&vec![0; busy.len()]);
            for (member, busy) in fleet.members.iter_mut().zip(busy) {
                member.in_flight = busy;
            }
            prop_assert!(pick(&fleet, NonZeroU32::new(factor).unwrap()).is_some());
        }
    }
}
