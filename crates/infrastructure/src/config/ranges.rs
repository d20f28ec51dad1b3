//! The ranges of numbers: declared beside the keys for `validator`, worded here. `validator` words them with the offending
//! value and in random order.

use std::collections::BTreeMap;

use validator::{Validate, ValidationError};

/// Calls `report` with each key out of its range, in order, and what its range is.
pub(super) fn check(read: &impl Validate, report: impl Fn(&str, String)) {
    let Err(errors) = read.validate() else { return };
    let sorted: BTreeMap<_, _> = errors.field_errors().into_iter().collect();
    for (key, violations) in sorted {
        if let Some(violation) = violations.first() {
            report(&key, wording(violation));
        }
    }
}

/// Calls `report` with the bounds of each key that is out of its range.
pub(super) fn exceeded(read: &impl Validate, mut report: impl FnMut(&str, Bounds)) {
    let Err(errors) = read.validate() else { return };
    for (key, violations) in errors.field_errors() {
        if let Some(violation) = violations.first() {
            report(&key, Bounds::of(violation));
        }
    }
}

/// What a number may be, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest.
    pub min: Option<String>,
    /// The largest.
    pub max: Option<String>,
}

impl Bounds {
    fn of(violation: &ValidationError) -> Self {
        let bound = |name: &str| violation.params.get(name).map(|bound| plain(&bound.to_string()));
        Self { min: bound("min"), max: bound("max") }
    }

    /// Learns the bounds that `other` knows.
    pub(super) fn widen(&mut self, other: &Self) {
        self.min = self.min.take().or_else(|| other.min.clone());
        self.max = self.max.take().or_else(|| other.max.clone());
    }
}

fn wording(violation: &ValidationError) -> String {
    match Bounds::of(violation) {
        Bounds { min: Some(min), max: Some(max) } => format!("must be from {min} to {max}"),
        Bounds { min: Some(min), max: None } => format!("must be at least {min}"),
        Bounds { min: None, max: Some(max) } => format!("must be at most {max}"),
        Bounds { min: None, max: None } => "is out of range".to_owned(),
    }
}

/// `1` for `1.0`.
fn plain(bound: &str) -> String {
    bound.strip_suffix(".0").unwrap_or(bound).to_owned()
}
