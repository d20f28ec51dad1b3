//! How many of its instances a pool may be without, and what it overlooks when it would be without more.
//!
//! Health takes an instance out for what its attempts showed. That protects requests as long as others take them over; where
//! few are left, it would send everything to those few, or to nobody. So a pool never ejects more than a part of its
//! instances and never its last one; and below the panic threshold it ignores ejection and open circuits altogether, as
//! Envoy does. What is never overlooked: a refused credential, a wait that an upstream asked for, an operator's word.

use std::time::Instant;

use crate::task_group::Exclusion;

/// How many instances a pool may be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionPolicy {
    /// The most of its instances that health may take out at a time, in percent; but never the last one.
    pub max_percent: u32,
    /// The pool panics when less than this percentage of its instances can be asked; never if 0.
    pub panic_threshold: u32,
}

impl Default for EjectionPolicy {
    fn default() -> Self {
        Self { max_percent: 100, panic_threshold: 0 }
    }
}

/// How an instance stands with its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be asked, or is merely busy.
    Usable,
    /// Its health has taken it out, until then.
    Ejected(Instant),
    /// Its circuit is open, until then.
    Broken(Instant),
    /// It is out for a reason that is never overlooked.
    Out,
    /// It does not count: its operator has taken it out.
    Absent,
}

impl Standing {
    /// How an instance stands that is passed over for this reason, or for none.
    pub fn of(exclusion: Option<Exclusion>) -> Self {
        match exclusion {
            None | Some(Exclusion::AtCapacity | Exclusion::AtLimit(_)) => Self::Usable,
            Some(Exclusion::Unhealthy(until)) => Self::Ejected(until),
            Some(Exclusion::CircuitOpen(until)) => Self::Broken(until),
            Some(Exclusion::Drained | Exclusion::Maintenance | Exclusion::HeldOpen) => Self::Absent,
            Some(
                Exclusion::CoolingDown(_)
                | Exclusion::QuotaSpent(_)
                | Exclusion::ExcludedByCaller
                | Exclusion::FallsShort(_)
                | Exclusion::Unfit
                | Exclusion::CannotGoOn
                | Exclusion::TooDear
                | Exclusion::TooSlow
                | Exclusion::OtherRegion,
            ) => Self::Out,
        }
    }
}

/// What is overlooked when an instance is asked, from nothing to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Lenience {
    /// Nothing.
    #[default]
    Strict,
    /// That its health has taken it out.
    Ejected,
    /// That, and that its circuit is open.
    Broken,
}

impl Lenience {
    /// Whether a candidate may be asked that would be passed over for this reason.
    pub fn overlooks(self, exclusion: Exclusion) -> bool {
        match exclusion {
            Exclusion::Unhealthy(_) => self >= Self::Ejected,
            Exclusion::CircuitOpen(_) => self >= Self::Broken,
            Exclusion::Drained
            | Exclusion::Maintenance
            | Exclusion::HeldOpen
            | Exclusion::ExcludedByCaller
            | Exclusion::FallsShort(_)
            | Exclusion::Unfit
            | Exclusion::CannotGoOn
            | Exclusion::TooDear
            | Exclusion::TooSlow
            | Exclusion::OtherRegion
            | Exclusion::CoolingDown(_)
            | Exclusion::QuotaSpent(_)
            | Exclusion::AtCapacity
            | Exclusion::AtLimit(_) => false,
        }
    }
}

/// What a pool overlooks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// For each instance.
    pub leniences: Vec<Lenience>,
    /// Whether fewer can be asked than the threshold says.
    pub is_panic: bool,
}

impl EjectionPolicy {
    /// Whether it asks more than that the last instance is never ejected.
    pub fn is_set(self) -> bool {
        self != Self::default()
    }

    /// Says what is overlooked of instances that stand so. Those that come back soonest are never ejected.
    pub fn judge(self, standings: &[Standing]) -> Verdict {
        let mut leniences = vec![Lenience::Strict; standings.len()];
        let members = standings.iter().filter(|standing| **standing != Standing::Absent).count();
        let usable = standings.iter().filter(|standing| **standing == Standing::Usable).count();
        let kept = self.keep(standings, (members, usable), &mut leniences);
        let is_panic = (usable + kept) * 100 < members * self.panic_threshold.min(100) as usize;
        if is_panic {
            for (lenience, standing) in leniences.iter_mut().zip(standings) {
                if matches!(standing, Standing::Ejected(_) | Standing::Broken(_)) {
                    *lenience = Lenience::Broken;
                }
            }
        }
        Verdict { leniences, is_panic }
    }

    /// Keeps those that are ejected beyond what is allowed, and returns how many there are.
    fn keep(self, standings: &[Standing], (members, usable): (usize, usize), leniences: &mut [Lenience]) -> usize {
        let mut ejected: Vec<_> = standings
            .iter()
            .enumerate()
            .filter_map(|(at, standing)| match standing {
                Standing::Ejected(until) => Some((*until, at)),
                Standing::Usable | Standing::Broken(_) | Standing::Out | Standing::Absent => None,
            })
            .collect();
        ejected.sort_unstable();
        let allowed = members * self.max_percent.min(100) as usize / 100;
        let last = usize::from(usable == 0 && !ejected.is_empty());
        let kept = ejected.len().saturating_sub(allowed).max(last);
        for (_, at) in ejected.into_iter().take(kept) {
            leniences[at] = Lenience::Ejected;
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::pool::rotation::tests::origin;

    const STRICT: Lenience = Lenience::Strict;
    const EJECTED: Lenience = Lenience::Ejected;
    const BROKEN: Lenience = Lenience::Broken;

    /// Standings by letter: usable, ejected, broken, out, absent; later ones come back later.
    fn standings(letters: &str) -> Vec<Standing> {
        let start = origin();
        let of = |(at, letter): (usize, char)| {
            let until = start + Duration::from_secs(at as u64);
            match letter {
                'u' => Standing::Usable,
                'e' => Standing::Ejected(until),
                'b' => Standing::Broken(until),
                'o' => Standing::Out,
                _ => Standing::Absent,
            }
        };
        letters.chars().enumerate().map(of).collect()
    }

    #[track_caller]
    fn check((max_percent, panic_threshold): (u32, u32), letters: &str, expected: &[Lenience]) {
        let verdict = EjectionPolicy { max_percent, panic_threshold }.judge(&standings(letters));
        assert_eq!(verdict.leniences, expected, "{letters}");
    }

    #[test]
    fn by_default_only_the_last_one_is_not_ejected() {
        check((100, 0), "uee", &[STRICT; 3]);
        check((100, 0), "eee", &[EJECTED, STRICT, STRICT]);
        check((100, 0), "oe", &[STRICT, EJECTED]);
        check((100, 0), "bo", &[STRICT; 2]);
    }

    #[test]
    fn no_more_are_ejected_than_the_policy_says() {
        check((50, 0), "eeeu", &[EJECTED, STRICT, STRICT, STRICT]);
        check((34, 0), "eeu", &[EJECTED, STRICT, STRICT]);
        check((0, 0), "eeu", &[EJECTED, EJECTED, STRICT]);
        check((50, 0), "eeaa", &[EJECTED, STRICT, STRICT, STRICT]);
    }

    #[test]
    fn below_the_threshold_all_are_asked_that_are_out_for_what_they_showed() {
        check((100, 50), "uebo", &[STRICT, BROKEN, BROKEN, STRICT]);
        check((100, 50), "ueba", &[STRICT, BROKEN, BROKEN, STRICT]);
        check((100, 50), "ub", &[STRICT; 2]);
        check((50, 50), "eeeu", &[EJECTED, STRICT, STRICT, STRICT]);
    }

    proptest! {
        #[test]
        fn what_must_not_be_overlooked_never_is(letters in "[ueboa]{0,9}", max in 0_u32..=100, panic in 0_u32..=100) {
            let standings = standings(&letters);
            let verdict = EjectionPolicy { max_percent: max, panic_threshold: panic }.judge(&standings);
            for (standing, lenience) in standings.iter().zip(&verdict.leniences) {
                let most = match standing {
                    Standing::Ejected(_) | Standing::Broken(_) if verdict.is_panic => BROKEN,
                    Standing::Ejected(_) => EJECTED,
                    _ => STRICT,
                };
                prop_assert!(*lenience <= most, "{letters}: {verdict:?}");
            }
            let out = standings.iter().zip(&verdict.leniences);
            let out = out.filter(|(standing, lenience)| matches!(standing, Standing::Ejected(_)) && **lenience == STRICT);
            let members = standings.iter().filter(|standing| **standing != Standing::Absent).count();
            prop_assert!(out.count() * 100 <= members * max as usize, "{letters}: {verdict:?}");
        }

        #[test]
        fn the_last_one_is_never_ejected(letters in "[eoa]{0,9}", max in 0_u32..=100) {
            let verdict = EjectionPolicy { max_percent: max, panic_threshold: 0 }.judge(&standings(&letters));
            prop_assert!(!letters.contains('e') || verdict.leniences.contains(&EJECTED));
        }
    }
}
