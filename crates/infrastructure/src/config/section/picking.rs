//! Who a pool picks beside its rotation: `slow_start`, `affinity`, `max_ejection_percent`, `panic_threshold` and
//! `on_exhausted`.

use std::num::NonZeroU32;

use tidegate_domain::pool::{AffinityPolicy, AffinitySource, EjectionPolicy, OnExhausted, PoolQueue, SlowStart};
use validator::Validate;

use super::policy::{count, percent, seconds};
use crate::config::fields::Fields;

#[derive(Validate)]
struct SlowStartToml {
    #[validate(range(min = 0.001, max = 86400.0))]
    window: Option<f64>,
    #[validate(range(min = 0.1, max = 10.0))]
    aggression: Option<f64>,
}

#[derive(Validate)]
struct AffinityToml {
    #[validate(range(min = 16, max = 1_000_000))]
    prefix_bytes: Option<i64>,
    #[validate(range(min = 1.0, max = 100.0))]
    max_load_factor: Option<f64>,
}

#[derive(Validate)]
struct EjectionToml {
    #[validate(range(min = 0, max = 100))]
    max_ejection_percent: Option<i64>,
    #[validate(range(min = 0, max = 100))]
    panic_threshold: Option<i64>,
}

#[derive(Validate)]
struct QueueToml {
    #[validate(range(min = 0.001, max = 3600.0))]
    max_wait: Option<f64>,
    #[validate(range(min = 1, max = 1_000_000))]
    size: Option<i64>,
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

/// What `affinity` keeps together, if it is there.
pub(super) fn affinity(fields: &mut Fields<'_>) -> Option<AffinityPolicy> {
    let mut table = fields.table("affinity")?;
    let by = sources(&mut table);
    let read =
        AffinityToml { prefix_bytes: table.integer("prefix_bytes"), max_load_factor: table.number("max_load_factor") };
    table.check(&read);
    if table.was_given("prefix_bytes") && !by.contains(&AffinitySource::PromptPrefix) {
        table.error("prefix_bytes", "has no effect: 'by' has no \"prompt_prefix\"", "add it, or remove this");
    }
    table.finish();
    let AffinityToml { prefix_bytes, max_load_factor } = read;
    Some(AffinityPolicy {
        by,
        prefix_bytes: prefix_bytes.map_or(KIB, count),
        max_load_factor: percent(max_load_factor.unwrap_or(1.25)),
    })
}

const KIB: NonZeroU32 = NonZeroU32::new(1024).unwrap();

fn sources(table: &mut Fields<'_>) -> Vec<AffinitySource> {
    let names = AffinitySource::ALL.map(AffinitySource::as_str);
    let words = table.words("by");
    table.require("by", "write by = [\"header\", \"prompt_cache_key\"]");
    let mut by = Vec::new();
    for word in words.iter().flatten() {
        match AffinitySource::of_name(&word.text) {
            Some(source) if by.contains(&source) => {
                table.findings.error(&word.place, format!("{} is listed twice", word.quoted()), "remove one of them");
            }
            Some(source) => by.push(source),
            None => {
                let near = word.did_you_mean(names);
                let help = format!("{near}{}use some of: {}", if near.is_empty() { "" } else { " " }, names.join(", "));
                table.findings.error(&word.place, format!("{} is no source of a key", word.quoted()), help);
            }
        }
    }
    if words.is_some_and(|words| words.is_empty()) {
        table.error("by", "is empty, so nothing is kept together", "name a source, or remove 'affinity'");
    }
    by
}

/// How many instances a pool may be without.
pub(super) fn ejection(fields: &mut Fields<'_>) -> EjectionPolicy {
    let read = EjectionToml {
        max_ejection_percent: fields.integer("max_ejection_percent"),
        panic_threshold: fields.integer("panic_threshold"),
    };
    fields.check(&read);
    let EjectionToml { max_ejection_percent, panic_threshold } = read;
    let base = EjectionPolicy::default();
    let percent = |given: Option<i64>, base| given.and_then(|percent| u32::try_from(percent).ok()).unwrap_or(base);
    EjectionPolicy {
        max_percent: percent(max_ejection_percent, base.max_percent),
        panic_threshold: percent(panic_threshold, base.panic_threshold),
    }
}

/// What `on_exhausted` says: a word, or a table with the word as its `type`.
pub(super) fn on_exhausted(fields: &mut Fields<'_>) -> Option<OnExhausted> {
    const NAMES: [&str; 3] = ["reject", "least_bad", "queue"];
    let of_name = |name: &str| match name {
        "reject" => Some(OnExhausted::Reject),
        "least_bad" => Some(OnExhausted::LeastBad),
        "queue" => Some(OnExhausted::Queue(PoolQueue::default())),
        _ => None,
    };
    if !fields.is_table("on_exhausted") {
        return fields.choice("on_exhausted", &NAMES, of_name);
    }
    let mut table = fields.table("on_exhausted")?;
    let chosen = table.choice("type", &NAMES, of_name);
    table.require("type", "write on_exhausted = { type = \"queue\", max_wait = 5 }");
    let read = QueueToml { max_wait: table.number("max_wait"), size: table.integer("size") };
    table.check(&read);
    let QueueToml { max_wait, size } = read;
    let chosen = match chosen {
        Some(OnExhausted::Queue(base)) => OnExhausted::Queue(PoolQueue {
            max_wait: max_wait.map_or(base.max_wait, seconds),
            size: size.map_or(base.size, count),
        }),
        chosen => {
            for key in ["max_wait", "size"].into_iter().filter(|key| chosen.is_some() && table.was_given(key)) {
                table.error(key, "has no effect: nobody waits", "remove it, or choose \"queue\" as the 'type'");
            }
            chosen?
        }
    };
    table.finish();
    Some(chosen)
}
