//! `tidegate.toml`: the registry, the providers, and what holds for the whole.

use super::{
    Conversion, Rewritten,
    body::Body,
    carry::{Goal, carry},
    layout::{Globals, Legacy},
    note::{NoteKind, Place},
    pool::RewrittenPool,
    rate_limiting,
    task_group::RewrittenGroup,
    yaml::{Map, Node, Value},
};

/// Where the providers that speak the OpenAI protocol do so.
const ENDPOINTS: [(&str, &str); 8] = [
    ("openai", "https://api.openai.com/v1"),
    ("anthropic", "https://api.anthropic.com/v1"),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    ("deepseek", "https://api.deepseek.com/v1"),
    ("mistral", "https://api.mistral.ai/v1"),
    ("groq", "https://api.groq.com/openai/v1"),
    ("openrouter", "https://openrouter.ai/api/v1"),
    ("ollama", "http://127.0.0.1:11434/v1"),
];

const HEAD: [&str; 3] = [
    "Written by `tidegate migrate yaml`. Set the variables of the providers, and try it with `tidegate check`.",
    "What stands in a comment of these files has no effect here; the report of the migration says why.",
    "",
];

/// Writes the root file.
pub(super) fn convert(
    legacy: Legacy,
    (pools, groups): (&[RewrittenPool], &[RewrittenGroup]),
    conversion: &mut Conversion,
) -> String {
    let mut body = Body::default();
    let Legacy { groups: _, pools: _, globals, options, comments } = legacy;
    if let Some((options, place)) = options {
        let global = global(options, &place, conversion);
        if !global.is_empty() {
            body.table("global", global);
        }
    }
    body.table("providers", providers(conversion));
    section("pools", pools.iter().map(|pool| &pool.entry), &mut body);
    section("task_groups", groups.iter().map(|group| &group.entry), &mut body);
    limits(globals, (&mut body, conversion));
    let head: Vec<_> = HEAD.into_iter().map(ToOwned::to_owned).chain(comments).collect();
    body.render(head.strip_suffix(&[String::new()]).unwrap_or(&head))
}

/// `loading_options`, under the names that they have here.
fn global(mut options: Map, place: &Place, conversion: &mut Conversion) -> Body {
    let mut global = Body::default();
    if let Some(node) = options.take("validation_mode") {
        let word = node.value.as_text();
        if ["strict", "lenient"].contains(&&*word) {
            global.key("config_validation", word);
        } else {
            let message = format!("'{word}' is neither strict nor lenient: strict applies");
            conversion.notes.add(NoteKind::NotCarriedOver, &place.below("validation_mode", node.line), message);
        }
    }
    for (old, node) in options.entries {
        let key = if old == "enable_cache" { "cache_enabled" } else { &old };
        let goal = Goal { section: "global", key };
        carry(&node, goal, &place.below(&old, node.line), (&mut global, &mut conversion.notes));
    }
    global
}

fn providers(conversion: &mut Conversion) -> Body {
    let mut providers = Body::default();
    for name in conversion.models.providers() {
        let variable: String = name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
            .collect();
        let endpoint = ENDPOINTS.iter().find(|(known, _)| *known == name).map(|(_, url)| *url);
        let mut provider = Body::default();
        provider.key("protocol", "openai");
        let place = Place::of("tidegate.toml", 0, format!("providers.{name}"));
        if let Some(url) = endpoint {
            provider.key("base_url", format!("${{{variable}_BASE_URL:{url}}}"));
            if name != "openai" {
                let message = format!("'{name}' is asked through its OpenAI-compatible endpoint, {url}");
                conversion.notes.add(NoteKind::Guessed, &place, message);
            }
        } else {
            provider.key("base_url", format!("${{{variable}_BASE_URL:?where is {name} served?}}"));
            let message =
                format!("nobody knows where '{name}' is served: set {variable}_BASE_URL, or edit model-map.toml");
            conversion.notes.add(NoteKind::Guessed, &place, message);
        }
        provider.key("api_key", format!("${{{variable}_API_KEY}}"));
        providers.table(&name, provider);
    }
    providers
}

fn section<'a>(heading: &str, entries: impl Iterator<Item = &'a Rewritten>, body: &mut Body) {
    let mut section = Body::default();
    for entry in entries {
        match entry.registry_line() {
            Some(line) => section.key(&entry.name, line),
            None => section.remark(format!("{}: not migrated", entry.name)),
        }
    }
    if !section.is_empty() {
        body.table(heading, section);
    }
}

fn limits(globals: Globals, (body, conversion): (&mut Body, &mut Conversion)) {
    let Globals { fallback: _, concurrency, rate_limiting } = globals;
    let mut limits = Body::default();
    let mut carry_whole = |(map, place): (Map, Place), key: &str, conversion: &mut Conversion| {
        let node = Node { value: Value::Map(map), line: place.line };
        carry(&node, Goal { section: "limits", key }, &place, (&mut limits, &mut conversion.notes));
    };
    if let Some((map, place)) = concurrency {
        carry_whole((levels(map), place), "concurrency", conversion);
    }
    let mut rate = None;
    if let Some((map, place)) = rate_limiting {
        let map = rate_limiting::nested(map, &place, conversion);
        rate = rate_limiting::of_gateway(&map, &place, conversion);
        if rate.is_none() {
            carry_whole((map, place), "rate_limiting", conversion);
        }
    }
    if let Some(rate) = rate {
        limits.table("rate", rate);
    }
    body.merge("limits", limits);
}

/// The levels by name: the source has a list of mappings with one key each.
fn levels(mut map: Map) -> Map {
    let mut named = Map::default();
    let Some(Node { value, line }) = map.take("levels") else { return map };
    let listed = match value {
        Value::Map(levels) => levels.entries,
        other => other
            .into_items(line)
            .into_iter()
            .flat_map(|item| match item.value {
                Value::Map(level) => level.entries,
                _ => Vec::new(),
            })
            .collect(),
    };
    for (level, node) in listed {
        named.entries.push((level.trim_end_matches("_level").to_owned(), node));
    }
    map.entries.extend(named.entries);
    map
}
