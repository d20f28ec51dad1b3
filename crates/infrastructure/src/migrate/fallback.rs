//! What happens after a fault: a group's own settings, the global ones where it has none, and what `tier_down` covers.

use super::{
    Conversion,
    body::Body,
    carry::{Goal, carry, carry_rest},
    note::{NoteKind, Place},
    yaml::{Map, Node, Value},
};

/// A mapping, and where it stands.
type Placed = (Map, Place);

/// The global settings, for groups without any.
#[derive(Default)]
pub(super) struct Defaults(Option<Placed>);

impl Defaults {
    pub(super) fn of(global: Option<Placed>) -> Self {
        Self(global)
    }
}

/// A group whose fallback is converted.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) place: &'a Place,
    /// Its tiers, best first.
    pub(super) tiers: &'a [String],
}

/// Where the predecessor's own migration sent groups without settings, across groups.
const CROSSING: [(&str, &str); 2] =
    [("thinking_group", "fast_group.echelon1"), ("plan_group", "thinking_group.echelon1, thinking_group.echelon2")];

/// Writes `fallback` and `circuit_breaker` of a group, and takes what they are made of out of `map`.
pub(super) fn convert(group: &Group<'_>, map: &mut Map, defaults: &Defaults, into: (&mut Body, &mut Conversion)) {
    let (body, conversion) = into;
    let own_strategy = map.take("fallback_strategy");
    let own_breaker =
        map.take_map("circuit_breaker").map(|(map, line)| (map, group.place.below("circuit_breaker", line)));
    let settings = map.take_map("fallback_config").or_else(|| map.take_map("fallback"));
    let (mut settings, place, is_own) = match (settings, &defaults.0) {
        (Some((map, line)), _) => (map, group.place.below("fallback_config", line), true),
        (None, Some((map, place))) => (map.clone(), place.clone(), false),
        (None, None) => (Map::default(), group.place.clone(), false),
    };
    if !is_own && !settings.entries.is_empty() {
        let message = "it has no fallback_config: attempts, waits and breaker are those of global_fallback";
        conversion.notes.add(NoteKind::Converted, group.place, message);
    }
    if !is_own && defaults.0.is_some() {
        note_crossing(group, conversion);
    }
    let other_breaker =
        settings.take_map("circuit_breaker").map(|(map, line)| (map, place.below("circuit_breaker", line)));
    let mut fallback = Body::default();
    let strategies = (own_strategy, settings.take("strategy"));
    fallback.key("strategy", strategy(group, strategies, conversion));
    if let Some(node) = settings.take("fallback_groups") {
        groups(group, &node, (&mut fallback, conversion));
    }
    carry_rest(settings, "task_group.fallback", &place, (&mut fallback, &mut conversion.notes));
    body.table("fallback", fallback);
    breaker((own_breaker, other_breaker), is_own, (body, conversion));
}

/// The group's own breaker stands above the one beside its fallback settings.
fn breaker(
    (own, other): (Option<Placed>, Option<Placed>),
    is_other_own: bool,
    (body, conversion): (&mut Body, &mut Conversion),
) {
    if let (Some((own, place)), Some((other, _)), true) = (&own, &other, is_other_own)
        && numbers(own) != numbers(other)
    {
        let message = "it differs from fallback_config.circuit_breaker, and stands above it";
        conversion.notes.add(NoteKind::Warning, place, message);
    }
    if let Some((map, place)) = own.or(other) {
        let mut breaker = Body::default();
        carry_rest(map, "breaker", &place, (&mut breaker, &mut conversion.notes));
        body.table("circuit_breaker", breaker);
    }
}

fn numbers(map: &Map) -> Vec<(&str, String)> {
    let mut numbers: Vec<_> = map.entries.iter().map(|(key, node)| (&**key, node.value.as_text())).collect();
    numbers.sort();
    numbers
}

/// Our word for the strategy. That of `fallback_config` stands above that of the group.
fn strategy(
    group: &Group<'_>,
    (short, long): (Option<Node>, Option<Node>),
    conversion: &mut Conversion,
) -> &'static str {
    let place = |node: &Node| group.place.below("fallback_strategy", node.line);
    if let (Some(short), Some(long)) = (&short, &long)
        && short.value != long.value
    {
        let message =
            format!("it differs from fallback_config.strategy, which stands above it: {}", long.value.as_text());
        conversion.notes.add(NoteKind::Warning, &place(short), message);
    }
    let Some(node) = long.or(short) else { return "tier_down" };
    let word = node.value.as_text();
    let (ours, remark) = match word.as_str() {
        "echelon_down" | "tier_down" => ("tier_down", None),
        "model_rotate" => ("model_rotate", None),
        "fail_fast" => ("fail_fast", None),
        "provider_failover" => ("provider_failover", None),
        "task_group_switch" | "group_fallback" => (
            "tier_down",
            Some((
                NoteKind::NotCarriedOver,
                "stays within the group until you say 'group_fallback', with the groups of the comment below",
            )),
        ),
        _ => ("tier_down", Some((NoteKind::Warning, "is used instead: nobody knows that word"))),
    };
    if let Some((kind, remark)) = remark {
        conversion.notes.add(kind, &place(&node), format!("{word} is tier_down now, which {remark}"));
    }
    ours
}

/// `tier_down` covers the group's own tiers; what leads elsewhere stays as a comment.
fn groups(group: &Group<'_>, node: &Node, (fallback, conversion): (&mut Body, &mut Conversion)) {
    let place = group.place.below("fallback_config.fallback_groups", node.line);
    let references: Vec<_> = node.value.clone().into_items(node.line).iter().map(|item| item.value.as_text()).collect();
    let own_tier = |reference: &String| reference.strip_prefix(group.name)?.strip_prefix('.').map(ToOwned::to_owned);
    let own: Vec<_> = references.iter().filter_map(own_tier).collect();
    if own.len() < references.len() {
        let node = Node { value: Value::List(items(&references)), line: node.line };
        let goal = Goal { section: "task_group.fallback", key: "fallback_groups" };
        carry(&node, goal, &place, (fallback, &mut conversion.notes));
    }
    if !own.is_empty() && own != group.tiers.get(1..).unwrap_or_default() {
        let message = format!("the tiers below are asked in order of priority: {}", group.tiers.join(", "));
        conversion.notes.add(NoteKind::Converted, &place, message);
    }
}

fn items(references: &[String]) -> Vec<Node> {
    references.iter().map(|text| Node { value: Value::Text(text.clone()), line: 0 }).collect()
}

fn note_crossing(group: &Group<'_>, conversion: &mut Conversion) {
    if let Some((_, targets)) = CROSSING.iter().find(|(name, _)| *name == group.name) {
        let message = format!("by default it went on to {targets}; it stays within its own tiers now");
        conversion.notes.add(NoteKind::NotCarriedOver, group.place, message);
    }
}
