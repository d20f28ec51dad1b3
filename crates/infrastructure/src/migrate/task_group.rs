//! A task group, from its three forms: tiers at the top level (`echelonN` or named after a task), or below `echelons`.

use std::collections::BTreeSet;

use tidegate_domain::name::{GroupName, TierName};
use toml_edit::Array;

use super::{
    Conversion, Rewritten,
    body::Body,
    carry::carry_rest,
    entry_file,
    fallback::{self, Defaults},
    layout::LegacyEntry,
    note::{NoteKind, Place},
    yaml::{Map, Node, Value},
};

/// A group that is rewritten, as the pools need it.
pub(super) struct RewrittenGroup {
    pub(super) entry: Rewritten,
    /// Its tiers, best first; none if it could not be rewritten.
    pub(super) tiers: Vec<String>,
}

struct Tier {
    name: String,
    place: Place,
    priority: Option<i64>,
    body: Body,
}

/// Rewrites one group.
pub(super) fn convert(entry: LegacyEntry, defaults: &Defaults, conversion: &mut Conversion) -> RewrittenGroup {
    let LegacyEntry { name, enabled, description, place, body, comments } = entry;
    let nothing = |name: String, description| RewrittenGroup {
        entry: Rewritten { name, enabled, description, file: None },
        tiers: Vec::new(),
    };
    let Some(mut map) = body else { return nothing(name, description) };
    if let Err(invalid) = GroupName::new(&name) {
        conversion.notes.add(NoteKind::Skipped, &place, format!("{invalid}; rename it in the source"));
        return nothing(name, description);
    }
    let Some(path) = conversion.claim("task-groups", &name) else {
        conversion.notes.add(NoteKind::Skipped, &place, format!("there is another task group '{name}'"));
        return nothing(name, description);
    };
    check_name(&name, &mut map, &place, conversion);
    let mut body = Body::default();
    body.key("name", name.as_str());
    if let Some(text) = map.take_text("description").filter(|text| !text.is_empty()) {
        body.key("description", text);
    }
    let tiers = tiers(&mut map, &place, conversion);
    if tiers.is_empty() {
        conversion.notes.add(NoteKind::Skipped, &place, "it has no tier that could be used");
        return nothing(name, description);
    }
    let names = ranked(&tiers);
    let group = fallback::Group { name: &name, place: &place, tiers: &names };
    fallback::convert(&group, &mut map, defaults, (&mut body, conversion));
    let mut all = Body::default();
    for tier in tiers {
        all.table(&tier.name, tier.body);
    }
    body.table("tiers", all);
    carry_rest(map, "task_group", &place, (&mut body, &mut conversion.notes));
    let file = entry_file(path, "task_group", body, &head(&comments, &place));
    RewrittenGroup { entry: Rewritten { name, enabled, description, file: Some(file) }, tiers: names }
}

/// The name that the registry gives stands above the one that the file gives itself.
pub(super) fn check_name(name: &str, map: &mut Map, place: &Place, conversion: &mut Conversion) {
    let Some(node) = map.take("name") else { return };
    let own = node.value.as_text();
    if own != name {
        let message = format!("the file calls itself '{own}', the registry calls it '{name}', which stands");
        conversion.notes.add(NoteKind::Warning, &place.below("name", node.line), message);
    }
}

/// The comment at the head of a written file.
pub(super) fn head(comments: &[String], place: &Place) -> Vec<String> {
    let mut head = comments.to_vec();
    head.push(format!(
        "(from {})",
        if place.key.is_empty() { place.file.clone() } else { format!("{}, {}", place.file, place.key) }
    ));
    head
}

fn tiers(map: &mut Map, place: &Place, conversion: &mut Conversion) -> Vec<Tier> {
    let mut found = Vec::new();
    for key in ["echelons", "tiers"] {
        if let Some((below, line)) = map.take_map(key) {
            let place = place.below(key, line);
            found.extend(below.entries.into_iter().map(|(name, node)| (place.below(&name, node.line), name, node)));
        }
    }
    let (flat, rest) = std::mem::take(&mut map.entries).into_iter().partition(|(_, node)| is_tier(node));
    map.entries = rest;
    let flat: Vec<(String, Node)> = flat;
    found.extend(flat.into_iter().map(|(name, node)| (place.below(&name, node.line), name, node)));
    let tiers: Vec<_> = found.into_iter().filter_map(|found| tier(found, conversion)).collect();
    let (mut names, mut priorities) = (BTreeSet::new(), BTreeSet::new());
    let is_first = |tier: &Tier| {
        let is_first = names.insert(tier.name.clone());
        if !is_first {
            conversion.notes.add(NoteKind::Skipped, &tier.place, "there is another tier of this name");
        }
        is_first
    };
    let tiers: Vec<_> = tiers.into_iter().filter(is_first).collect();
    for tier in &tiers {
        if tier.priority.is_some_and(|priority| !priorities.insert(priority)) {
            let message = "two tiers have this priority; they keep the order of the file";
            conversion.notes.add(NoteKind::Warning, &tier.place, message);
        }
    }
    tiers
}

fn is_tier(node: &Node) -> bool {
    matches!(&node.value, Value::Map(map) if map.get("models").is_some())
}

fn tier((place, name, node): (Place, String, Node), conversion: &mut Conversion) -> Option<Tier> {
    let mut skip = |message: String| {
        conversion.notes.add(NoteKind::Skipped, &place, message);
        None
    };
    let Value::Map(mut map) = node.value else { return skip("it is no mapping".to_owned()) };
    if let Err(invalid) = TierName::new(&name) {
        return skip(format!("{invalid}; rename it in the source"));
    }
    let models = models(map.take("models"), &place, conversion);
    if models.is_empty() {
        conversion.notes.add(NoteKind::Skipped, &place, "it names no model that could be used");
        return None;
    }
    for (key, old) in [("temperature", "0.7"), ("max_tokens", "2000")] {
        if map.get(key).is_none() {
            let message = format!("without {key} the old default of {old} applied; now the provider's own does");
            conversion.notes.add(NoteKind::Converted, &place, message);
        }
    }
    let mut body = Body::default();
    body.key("models", models.iter().map(String::as_str).collect::<Array>());
    let priority = map.get("priority").and_then(|node| node.value.as_text().parse().ok());
    carry_rest(map, "tier", &place, (&mut body, &mut conversion.notes));
    Some(Tier { name, place, priority, body })
}

fn models(node: Option<Node>, place: &Place, conversion: &mut Conversion) -> Vec<String> {
    let Some(Node { value, line }) = node else { return Vec::new() };
    let place = place.below("models", line);
    let mut models: Vec<String> = Vec::new();
    for item in value.into_items(line) {
        let name = item.value.as_text();
        let Some(model) = conversion.models.resolve(&name, &place, &mut conversion.notes) else { continue };
        let model = model.to_string();
        if models.contains(&model) {
            conversion.notes.add(NoteKind::Converted, &place, format!("'{name}' is {model} again, and listed once"));
        } else {
            models.push(model);
        }
    }
    models
}

/// The names in order of priority, smaller first; ties keep their order, and tiers without a priority come last.
fn ranked(tiers: &[Tier]) -> Vec<String> {
    let mut order: Vec<_> = tiers.iter().collect();
    order.sort_by_key(|tier| tier.priority.unwrap_or(i64::MAX));
    order.into_iter().map(|tier| tier.name.clone()).collect()
}
