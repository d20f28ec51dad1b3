//! In which order a pool or a tier picks its members.
//!
//! A rotation picks one member at a time among those that are eligible; a request that needs another attempt marks the
//! tried ones ineligible and picks again, so that repeated picks visit every usable member once. A pick in a large pool looks
//! at a few members only (`lots`). State is kept by member position, and [`Rotation::rearranged`] carries it over when the
//! membership changes.

mod affinity;
mod cheapest;
mod lots;
mod performance;
mod response_time;
mod smooth_weighted;
mod warming;

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use cheapest::Tariffs;
use lots::Lots;
use smooth_weighted::SmoothWeighted;

use crate::model::Prices;

/// The source of randomness that a pick draws from: seeded by whoever owns it, so that a pick can be repeated.
pub type Random = fastrand::Rng;

/// How members are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RotationKind {
    /// In declaration order, from the first usable one: what a tier does by default.
    Declared,
    /// The next one in a fixed ring.
    #[default]
    RoundRobin,
    /// Any, with equal chance.
    Random,
    /// Exact proportions of weight over a cycle, without bursts.
    Weighted,
    /// Any, with a chance in proportion to weight.
    WeightedRandom,
    /// The one with the fewest requests in flight for its weight; ties at random.
    LeastConnections,
    /// The one whose last dispatch is longest ago; never-used ones first.
    LeastRecentlyUsed,
    /// Of any two, the one that is likely to answer sooner.
    ResponseTime,
    /// Any, with a chance in proportion to what it has lately achieved: weight, success, free capacity, speed.
    PerformanceWeighted,
    /// The one where the request is likely to cost least; ties as with [`RotationKind::ResponseTime`].
    Cheapest,
}

impl RotationKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Declared,
        Self::RoundRobin,
        Self::Random,
        Self::Weighted,
        Self::WeightedRandom,
        Self::LeastConnections,
        Self::LeastRecentlyUsed,
        Self::ResponseTime,
        Self::PerformanceWeighted,
        Self::Cheapest,
    ];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::RoundRobin => "round_robin",
            Self::Random => "random",
            Self::Weighted => "weighted",
            Self::WeightedRandom => "weighted_random",
            Self::LeastConnections => "least_connections",
            Self::LeastRecentlyUsed => "least_recently_used",
            Self::ResponseTime => "response_time",
            Self::PerformanceWeighted => "performance_weighted",
            Self::Cheapest => "cheapest",
        }
    }

    /// The kind of that name or of one of its aliases.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "weighted_round_robin" => Some(Self::Weighted),
            "least_busy" => Some(Self::LeastConnections),
            "fastest_response" => Some(Self::ResponseTime),
            name => Self::ALL.into_iter().find(|kind| kind.as_str() == name),
        }
    }
}

/// What bends a rotation. By default nothing does, and then the members are not asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bend {
    /// Members may be warming up.
    pub slow_start: bool,
    /// The request has a key that pulls it to members, as long as they have no more than this percentage of their share to do.
    pub affinity: Option<NonZeroU32>,
}

/// By what a member bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tariff {
    /// By these prices: members who share them cost the same, whatever is asked.
    Prices(Prices),
    /// Nobody knows.
    Unknown,
    /// By a tariff of its own, which nobody shares.
    Own,
}

/// The members that a rotation picks from, as they are at this moment.
pub trait Members {
    /// How many there are, eligible or not.
    fn count(&self) -> usize;
    /// The share of the traffic that a member should get.
    fn weight(&self, member: usize) -> u32;
    /// Requests that a member is serving.
    fn in_flight(&self, member: usize) -> u32;
    /// When a request was last sent to a member.
    fn last_dispatch(&self, member: usize) -> Option<Instant>;
    /// How long a member lately took to its first content; `None` if nobody knows, as for a member that has just joined.
    fn latency(&self, member: usize) -> Option<Duration>;
    /// The part of a member's recent attempts that it answered, in millionths.
    fn success_rate(&self, member: usize) -> u32;
    /// The most requests that a member serves at once; `None` if nobody knows.
    fn capacity(&self, member: usize) -> Option<u32>;
    /// What the request is likely to cost at a member, in any unit that all members share; `None` if nobody knows.
    fn cost(&self, member: usize) -> Option<u64>;
    /// By what a member bills, which stays as it is until the members change.
    fn tariff(&self, _member: usize) -> Tariff {
        Tariff::Own
    }
    /// What bends the rotation for this request. It is asked first.
    fn bend(&self) -> Bend;
    /// The percentage of its share that a member takes: below 100 while it warms up, after it joined or came back.
    fn readiness(&self, member: usize) -> u32;
    /// How strongly the request's key pulls it to a member; any number if it has none.
    fn pull(&self, member: usize) -> u64;
    /// Whether a member may be picked now: in health and not yet tried. It is asked once per member and pass, so that it may
    /// change under the rotation's feet. A member of weight 0 is never picked, whatever this says.
    fn is_eligible(&self, member: usize) -> bool;
}

/// The state of a rotation.
#[derive(Debug, Clone)]
pub struct Rotation {
    kind: RotationKind,
    /// Where the ring goes on.
    next: usize,
    smooth: SmoothWeighted,
    /// What picks in large pools are drawn by; in a box, since it is the small ones whose rotation every trace takes along.
    large: Option<Box<Large>>,
}

/// What picks in large pools are drawn by.
#[derive(Debug, Clone, Default)]
struct Large {
    lots: Lots,
    tariffs: Tariffs,
}

impl Rotation {
    /// A rotation that has picked nothing.
    pub fn new(kind: RotationKind) -> Self {
        Self { kind, next: 0, smooth: SmoothWeighted::default(), large: None }
    }

    /// How it orders.
    pub fn kind(&self) -> RotationKind {
        self.kind
    }

    /// Picks an eligible member; `None` if there is none. A member that warms up stands back from some picks, unless nobody
    /// else could be picked.
    pub fn pick(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        let Bend { slow_start, affinity } = members.bend();
        let ready = slow_start.then(|| warming::ready(members, random));
        let picked = ready.and_then(|ready| self.pick_bent(affinity, &ready, random));
        picked.or_else(|| self.pick_bent(affinity, members, random))
    }

    fn pick_bent(
        &mut self,
        affinity: Option<NonZeroU32>,
        members: &impl Members,
        random: &mut Random,
    ) -> Option<usize> {
        let pulled = affinity.and_then(|max_load_factor| affinity::pick(members, max_load_factor));
        pulled.or_else(|| self.pick_among(members, random))
    }

    fn pick_among(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        let drawn = if members.count() > lots::FEW { self.draw(members, random) } else { None };
        drawn.or_else(|| self.compare(members, random))
    }

    /// Picks among a few members of a large pool, or without comparing any. `None` if those may not be picked, or the rotation
    /// must know all.
    fn draw(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        match self.kind {
            RotationKind::Declared | RotationKind::RoundRobin => None,
            RotationKind::Random => Lots::alike(members, random),
            RotationKind::Weighted => self.large().lots.in_turn(members),
            RotationKind::WeightedRandom => self.large().lots.by_weight(members, random),
            RotationKind::LeastConnections => {
                least_connections(self.large().lots.sample(members, random), members, random)
            }
            RotationKind::LeastRecentlyUsed => longest_ago(Lots::sample_alike(members, random), members),
            RotationKind::ResponseTime => {
                let mut sample = self.large().lots.sample(members, random);
                sample.sort_unstable();
                sample.dedup();
                response_time::pick(&sample, members, random)
            }
            // The draw has counted the weights.
            RotationKind::PerformanceWeighted => {
                performance::pick((&self.large().lots.sample(members, random), |_| 1), members, random)
            }
            RotationKind::Cheapest => self.large().tariffs.pick(members, random),
        }
    }

    fn large(&mut self) -> &mut Large {
        self.large.get_or_insert_default()
    }

    /// Picks among all members.
    fn compare(&mut self, members: &impl Members, random: &mut Random) -> Option<usize> {
        match self.kind {
            RotationKind::Declared => eligible(members).next(),
            RotationKind::RoundRobin => self.next_in_ring(members),
            RotationKind::Random => uniform(members, random),
            RotationKind::Weighted => self.smooth.pick(members),
            RotationKind::WeightedRandom => weighted_random(members, random),
            RotationKind::LeastConnections => least_connections(eligible(members), members, random),
            RotationKind::LeastRecentlyUsed => longest_ago(eligible(members), members),
            RotationKind::ResponseTime => response_time::pick(&takers(members), members, random),
            RotationKind::PerformanceWeighted => {
                performance::pick((&takers(members), |member| members.weight(member)), members, random)
            }
            RotationKind::Cheapest => cheapest::pick(members, random),
        }
    }

    /// The rotation after its members changed: `survivors[new]` is the old position of the member now at `new`, or `None`
    /// for one that has joined. Survivors keep their turn; nobody is skipped or doubled.
    #[must_use]
    pub fn rearranged(&self, kind: RotationKind, survivors: &[Option<usize>]) -> Self {
        // The ring goes on at the survivor that is due next: the first at or after the old place, else the first of all.
        let next = survivors
            .iter()
            .enumerate()
            .filter_map(|(new, old)| old.map(|old| (new, old)))
            .min_by_key(|&(_, old)| (old < self.next, old))
            .map_or(0, |(new, _)| new);
        let large = self.large.as_ref().map(|large| Large { lots: large.lots.rearranged(), ..Large::default() }.into());
        Self { kind, next, smooth: self.smooth.rearranged(survivors), large }
    }

    fn next_in_ring(&mut self, members: &impl Members) -> Option<usize> {
        let count = members.count();
        let picked = (0..count).map(|step| (self.next + step) % count).find(|&member| may_take(members, member))?;
        self.next = (picked + 1) % count;
        Some(picked)
    }
}

/// The one place where weight 0 drains a member, for every kind of rotation.
fn may_take(members: &impl Members, member: usize) -> bool {
    members.weight(member) > 0 && members.is_eligible(member)
}

fn eligible(members: &impl Members) -> impl Iterator<Item = usize> {
    (0..members.count()).filter(|&member| may_take(members, member))
}

fn takers(members: &impl Members) -> Vec<usize> {
    eligible(members).collect()
}

/// Reservoir sampling, here and below: one pass, so that a member that drops out between two passes cannot turn a pick into
/// none. Of n members each stays chosen with a chance of 1/n.
fn uniform(members: &impl Members, random: &mut Random) -> Option<usize> {
    let mut seen = 0;
    eligible(members).fold(None, |picked, member| {
        seen += 1;
        if random.usize(..seen) == 0 { Some(member) } else { picked }
    })
}

fn weighted_random(members: &impl Members, random: &mut Random) -> Option<usize> {
    let mut total = 0;
    eligible(members).fold(None, |picked, member| {
        let weight = u64::from(members.weight(member));
        total += weight;
        if random.u64(..total) < weight { Some(member) } else { picked }
    })
}

/// The smallest (in-flight + 1) / weight, compared by cross-multiplication. The one added is the request about to be
/// sent: without it all idle members would tie whatever their weight.
fn least_connections(
    takers: impl IntoIterator<Item = usize>,
    members: &impl Members,
    random: &mut Random,
) -> Option<usize> {
    let load = |member| (u64::from(members.in_flight(member)) + 1, u64::from(members.weight(member)));
    let mut best: Option<(usize, (u64, u64))> = None;
    let mut ties = 0_u32;
    for member in takers {
        let (busy, weight) = load(member);
        let Some((_, (best_busy, best_weight))) = best else {
            best = Some((member, (busy, weight)));
            ties = 1;
            continue;
        };
        match (busy * best_weight).cmp(&(best_busy * weight)) {
            std::cmp::Ordering::Less => {
                best = Some((member, (busy, weight)));
                ties = 1;
            }
            std::cmp::Ordering::Equal => {
                ties += 1;
                if random.u32(..ties) == 0 {
                    best = Some((member, (busy, weight)));
                }
            }
            std::cmp::Ordering::Greater => {}
        }
    }
    best.map(|(member, _)| member)
}

fn longest_ago(takers: impl IntoIterator<Item = usize>, members: &impl Members) -> Option<usize> {
    takers.into_iter().min_by_key(|&member| members.last_dispatch(member))
}

#[cfg(test)]
pub(crate) mod tests;
