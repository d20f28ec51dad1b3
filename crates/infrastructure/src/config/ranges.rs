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

fn wording(violation: &ValidationError) -> String {
    let bound = |name: &str| violation.params.get(name).map(|bound| plain(&bound.to_string()));
    match (bound("min"), bound("max")) {
        (Some(min), Some(max)) => format!("must be from {min} to {max}"),
        (Some(min), None) => format!("must be at least {min}"),
        (None, Some(max)) => format!("must be at most {max}"),
        (None, None) => "is out of range".to_owned(),
    }
}

/// `1` for `1.0`.
fn plain(bound: &str) -> String {
    bound.strip_suffix(".0").unwrap_or(bound).to_owned()
}
