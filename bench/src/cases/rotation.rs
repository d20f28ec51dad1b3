//! A pick of each rotation, over members that answer at once.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tidegate::domain::{
    model::Prices,
    pool::{Bend, Members, Random, Rotation, RotationKind, Tariff},
};

use super::Case;

/// Members of different weight, load, age, speed and price, of whom each may be picked.
struct Fleet {
    count: usize,
    start: Instant,
}

/// A small number that differs from member to member.
fn varied(member: usize, upto: u32) -> u32 {
    u32::try_from(member % 1009).unwrap_or(0).wrapping_mul(2_654_435_761) % upto
}

impl Members for Fleet {
    fn count(&self) -> usize {
        self.count
    }
    fn weight(&self, member: usize) -> u32 {
        1 + varied(member, 3)
    }
    fn in_flight(&self, member: usize) -> u32 {
        varied(member, 8)
    }
    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        Some(self.start + Duration::from_millis(varied(member, 1000).into()))
    }
    fn latency(&self, member: usize) -> Option<Duration> {
        Some(Duration::from_millis(u64::from(1 + varied(member, 500))))
    }
    fn success_rate(&self, member: usize) -> u32 {
        1_000_000 - varied(member, 100_000)
    }
    fn capacity(&self, _: usize) -> Option<u32> {
        Some(32)
    }
    fn cost(&self, member: usize) -> Option<u64> {
        Some(u64::from(varied(member, 100)))
    }
    fn tariff(&self, member: usize) -> Tariff {
        Tariff::Prices(Prices { input: varied(member, 100).into(), cached_input: None, output: 0 })
    }
    fn bend(&self) -> Bend {
        Bend::default()
    }
    fn readiness(&self, _: usize) -> u32 {
        100
    }
    fn pull(&self, _: usize) -> u64 {
        0
    }
    fn is_eligible(&self, _: usize) -> bool {
        true
    }
}

/// A pick among so many members.
pub(super) fn pick(kind: RotationKind, count: usize) -> Case {
    Case::new(format!("pick {} of {count}", kind.as_str()), move || {
        let fleet = Fleet { count, start: Instant::now() };
        let (mut rotation, mut random) = (Rotation::new(kind), Random::with_seed(1));
        move || {
            black_box(rotation.pick(black_box(&fleet), &mut random));
        }
    })
}
