//! A pool: references to groups and tiers, rotation, health, fallback and rate limits.

use tidegate_domain::{
    name::{PoolName, Target},
    pool::RotationKind,
};
use toml_edit::Array;

use super::{
    Conversion, Rewritten,
    body::Body,
    carry::{Goal, carry, carry_rest},
    entry_file,
    layout::LegacyEntry,
    note::{NoteKind, Place},
    rate_limiting,
    task_group::{RewrittenGroup, check_name, head},
    yaml::{Map, Node, Value},
};

/// A pool that is rewritten.
pub(super) struct RewrittenPool {
    pub(super) entry: Rewritten,
}

/// Rewrites the pools; `groups` are what they can refer to.
pub(super) fn convert_all(
    entries: Vec<LegacyEntry>,
    groups: &[RewrittenGroup],
    conversion: &mut Conversion,
) -> Vec<RewrittenPool> {
    entries.into_iter().map(|entry| RewrittenPool { entry: convert(entry, groups, conversion) }).collect()
}

fn convert(entry: LegacyEntry, groups: &[RewrittenGroup], conversion: &mut Conversion) -> Rewritten {
    let LegacyEntry { name, enabled, description, place, body, comments } = entry;
    let nothing = |name: String, description| Rewritten { name, enabled, description, file: None };
    let Some(mut map) = body else { return nothing(name, description) };
    if let Err(invalid) = PoolName::new(&name) {
        conversion.notes.add(NoteKind::Skipped, &place, format!("{invalid}; rename it in the source"));
        return nothing(name, description);
    }
    check_name(&name, &mut map, &place, conversion);
    let name = unclashed(name, groups, &place, conversion);
    let Some(path) = conversion.claim("pools", &name) else {
        conversion.notes.add(NoteKind::Skipped, &place, format!("there is another pool '{name}'"));
        return nothing(name, description);
    };
    let mut body = Body::default();
    body.key("name", name.as_str());
    if let Some(text) = map.take_text("description").filter(|text| !text.is_empty()) {
        body.key("description", text);
    }
    let listed = references(map.take("task_groups"), &place);
    // Nobody looks at what is switched off, so that it may refer to anything.
    let usable =
        if enabled { usable(&listed, groups, conversion) } else { listed.into_iter().map(|(text, _)| text).collect() };
    let is_usable = !usable.is_empty();
    if enabled && !is_usable {
        conversion.notes.add(NoteKind::Warning, &place, "it is switched off: none of its groups can be used");
    }
    body.key("task_groups", usable.iter().map(String::as_str).collect::<Array>());
    rotation(map.take("rotation_strategy"), &place, (&mut body, conversion));
    health(&mut map, &place, (&mut body, conversion));
    fallback(&mut map, &place, (&mut body, conversion));
    if let Some((limits, line)) = map.take_map("rate_limiting") {
        let place = place.below("rate_limiting", line);
        let node = Node { value: Value::Map(rate_limiting::nested(limits, &place, conversion)), line };
        let goal = Goal { section: "pool", key: "rate_limiting" };
        carry(&node, goal, &place, (&mut body, &mut conversion.notes));
    }
    carry_rest(map, "pool", &place, (&mut body, &mut conversion.notes));
    let file = entry_file(path, "pool", body, &head(&comments, &place));
    Rewritten { name, enabled: enabled && is_usable, description, file: Some(file) }
}

/// Callers ask for pools and groups by bare names, so that one name cannot be both.
fn unclashed(name: String, groups: &[RewrittenGroup], place: &Place, conversion: &mut Conversion) -> String {
    if !groups.iter().any(|group| group.entry.name == name) {
        return name;
    }
    let renamed = format!("{name}_pool");
    let message = format!("a task group has the name '{name}' too: the pool is called '{renamed}' now");
    conversion.notes.add(NoteKind::Converted, place, message);
    renamed
}

fn references(node: Option<Node>, place: &Place) -> Vec<(String, Place)> {
    let Some(Node { value, line }) = node else { return Vec::new() };
    let place = place.below("task_groups", line);
    let items = value.into_items(line).into_iter();
    let mut listed: Vec<(String, Place)> = Vec::new();
    for text in items.map(|item| item.value.as_text()).filter(|text| !text.is_empty()) {
        if !listed.iter().any(|(earlier, _)| *earlier == text) {
            listed.push((text, place.clone()));
        }
    }
    listed
}

/// The references that lead somewhere; the others are noted.
fn usable(listed: &[(String, Place)], groups: &[RewrittenGroup], conversion: &mut Conversion) -> Vec<String> {
    let mut usable = Vec::new();
    for (reference, place) in listed {
        match objection(reference, groups) {
            None => usable.push(reference.clone()),
            Some(why) => {
                conversion.notes.add(NoteKind::NotCarriedOver, place, format!("'{reference}' is left out: {why}"));
            }
        }
    }
    usable
}

/// Why a reference leads nowhere; `None` if it leads somewhere.
fn objection(reference: &str, groups: &[RewrittenGroup]) -> Option<&'static str> {
    let Ok(Target::Group { group, tier }) = Target::group(reference) else {
        return Some("it is no 'group' or 'group.tier'");
    };
    let Some(found) = groups.iter().find(|found| found.entry.name == group.as_str() && !found.tiers.is_empty()) else {
        return Some("there is no such task group");
    };
    if !found.entry.enabled {
        return Some("that task group is not enabled");
    }
    let tier = tier?;
    (!found.tiers.iter().any(|name| name == tier.as_str())).then_some("the task group has no such tier")
}

fn rotation(node: Option<Node>, place: &Place, (body, conversion): (&mut Body, &mut Conversion)) {
    let Some(node) = node else { return };
    let word = node.value.as_text();
    let place = place.below("rotation_strategy", node.line);
    let Some(kind) = RotationKind::of_name(&word) else {
        body.remark(format!("rotation = \"{word}\""));
        let message = format!("'{word}' is no rotation here: round_robin applies");
        conversion.notes.add(NoteKind::NotCarriedOver, &place, message);
        return;
    };
    body.key("rotation", kind.as_str());
    if kind == RotationKind::Weighted {
        let message = "weights were derived from speed and success; here every instance has weight 1, unless \
                       [[pools.NAME.instances]] says otherwise. 'response_time' follows speed by itself";
        conversion.notes.add(NoteKind::Converted, &place, message);
    }
}

fn health(map: &mut Map, place: &Place, (body, conversion): (&mut Body, &mut Conversion)) {
    let mut health = Body::default();
    let keys = [
        ("failure_threshold", "failure_threshold"),
        ("recovery_time", "recovery_time"),
        ("health_check_interval", "interval"),
    ];
    for (old, key) in keys {
        if let Some(node) = map.take(old) {
            let goal = Goal { section: "pool.health_check", key };
            carry(&node, goal, &place.below(old, node.line), (&mut health, &mut conversion.notes));
        }
    }
    if !health.is_empty() {
        body.table("health_check", health);
    }
}

/// `fallback_config`, or its keys at the top level, as only the documentation had them.
fn fallback(map: &mut Map, place: &Place, (body, conversion): (&mut Body, &mut Conversion)) {
    let (mut settings, line) = map.take_map("fallback_config").unwrap_or_default();
    let place = if line == 0 { place.clone() } else { place.below("fallback_config", line) };
    for (flat, key) in [("fallback_strategy", "strategy"), ("max_instance_attempts", "max_instance_attempts")] {
        if let Some(node) = map.take(flat)
            && settings.get(key).is_none()
        {
            settings.entries.push((key.to_owned(), node));
        }
    }
    let mut fallback = Body::default();
    if let Some(node) = settings.take("strategy") {
        let word = node.value.as_text();
        if ["instance_rotation", "simple_retry", "fail_fast"].contains(&&*word) {
            fallback.key("strategy", word);
        } else {
            fallback.key("strategy", "instance_rotation");
            let message = format!("'{word}' is no strategy of pools here: instance_rotation applies");
            conversion.notes.add(NoteKind::NotCarriedOver, &place.below("strategy", node.line), message);
        }
    }
    carry_rest(settings, "pool.fallback", &place, (&mut fallback, &mut conversion.notes));
    if !fallback.is_empty() {
        body.table("fallback", fallback);
    }
}
