//! Who was passed over for a request, and why: the first ones by name, the rest together, so that a record does not grow with a
//! pool.

use std::time::Instant;

use crate::{name::InstanceId, task_group::Exclusion};

/// The most candidates that are noted by name.
const MAX_NOTED: usize = 64;

/// A candidate that was not asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionRecord {
    /// The candidate.
    pub instance: InstanceId,
    /// Why it was not asked.
    pub reason: Exclusion,
}

/// The candidates that were not asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exclusions {
    noted: Vec<ExclusionRecord>,
    rest: Option<Rest>,
}

/// What is known of those who are not noted by name.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rest {
    soonest: Option<Instant>,
    are_about_request: bool,
}

impl Exclusions {
    /// Notes that a candidate was passed over; a second note of the same one changes nothing while each has a name.
    pub(super) fn add(&mut self, instance: &InstanceId, reason: Exclusion) {
        if self.noted.len() == MAX_NOTED {
            let rest = self.rest.unwrap_or(Rest { soonest: None, are_about_request: true });
            self.rest = Some(Rest {
                soonest: rest.soonest.into_iter().chain(reason.until()).min(),
                are_about_request: rest.are_about_request && reason.is_about_request(),
            });
        } else if !self.noted.iter().any(|record| record.instance == *instance) {
            self.noted.push(ExclusionRecord { instance: instance.clone(), reason });
        }
    }

    /// Those noted by name, each once.
    pub fn noted(&self) -> &[ExclusionRecord] {
        &self.noted
    }

    /// Whether there were more of them.
    pub fn has_more(&self) -> bool {
        self.rest.is_some()
    }

    /// The soonest moment at which one of them comes back by itself, if any does.
    pub fn soonest(&self) -> Option<Instant> {
        let noted = self.noted.iter().filter_map(|record| record.reason.until());
        noted.chain(self.rest.and_then(|rest| rest.soonest)).min()
    }

    /// Whether all of them would be passed over at any other time too.
    pub fn are_about_request(&self) -> bool {
        self.rest.is_none_or(|rest| rest.are_about_request)
            && self.noted.iter().all(|record| record.reason.is_about_request())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::rotation_tests::origin;

    fn id(number: usize) -> InstanceId {
        InstanceId::new(&format!("i{number}")).unwrap()
    }

    #[test]
    fn a_second_note_of_the_same_candidate_changes_nothing() {
        let mut exclusions = Exclusions::default();
        exclusions.add(&id(1), Exclusion::Unfit);
        exclusions.add(&id(1), Exclusion::Drained);
        assert_eq!(exclusions.noted(), [ExclusionRecord { instance: id(1), reason: Exclusion::Unfit }]);
        assert!(!exclusions.has_more());
    }

    #[test]
    fn of_those_beyond_the_first_it_is_known_who_comes_back_first_and_whether_they_ever_do() {
        let mut exclusions = Exclusions::default();
        (0..=MAX_NOTED).for_each(|number| exclusions.add(&id(number), Exclusion::Unfit));
        assert_eq!((exclusions.noted().len(), exclusions.has_more()), (MAX_NOTED, true));
        assert_eq!((exclusions.soonest(), exclusions.are_about_request()), (None, true));
        let until = origin() + Duration::from_secs(9);
        exclusions.add(&id(1000), Exclusion::CoolingDown(until + Duration::from_secs(1)));
        exclusions.add(&id(1001), Exclusion::CoolingDown(until));
        assert_eq!((exclusions.soonest(), exclusions.are_about_request()), (Some(until), false));
    }
}
