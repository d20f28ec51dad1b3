//! What bends a pool's rotation: `slow_start`.

use tidegate_domain::pool::SlowStart;
use validator::Validate;

use super::policy::{percent, seconds};
use crate::config::fields::Fields;

#[derive(Validate)]
struct SlowStartToml {
    #[validate(range(min = 0.001, max = 86400.0))]
    window: Option<f64>,
    #[validate(range(min = 0.1, max = 10.0))]
    aggression: Option<f64>,
}

/// The ramp of `slow_start`, if it is there.
pub(super) fn slow_start(fields: &mut Fields<'_>) -> Option<SlowStart> {
    let mut table = fields.table("slow_start")?;
    let read = SlowStartToml { window: table.number("window"), aggression: table.number("aggression") };
    table.check(&read);
    table.require("window", "write slow_start = { window = 60 }");
    table.finish();
    let SlowStartToml { window, aggression } = read;
    Some(SlowStart { window: seconds(window?), aggression: percent(aggression.unwrap_or(1.0)) })
}
