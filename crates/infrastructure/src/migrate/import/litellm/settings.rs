//! The settings of the router and of the library: what holds for every model, and who is asked after whom.

use super::{
    super::{
        super::{
            NoteKind,
            body::Body,
            yaml::{Map, Node, Value},
        },
        draft::{Draft, seconds, whole},
    },
    Model,
};

/// What holds for every pool.
pub(super) struct Policy {
    pub(super) rotation: &'static str,
    pub(super) retries: Option<i64>,
    pub(super) allowed_fails: Option<i64>,
    pub(super) cooldown: Option<f64>,
}

/// Reads the settings of the router and of the library, of which the router's count; returns the aliases too.
pub(super) fn settle(
    mut settings: Map,
    mut router: Map,
    (models, draft): (&mut [Model], &mut Draft),
) -> (Policy, Vec<(String, String, usize)>) {
    let mut either = |key: &str| router.take(key).or_else(|| settings.take(key));
    let retries = either("num_retries").as_ref().and_then(whole);
    let allowed_fails = either("allowed_fails").as_ref().and_then(whole);
    let cooldown = either("cooldown_time").as_ref().and_then(seconds);
    let timeout = either("timeout").or_else(|| either("request_timeout")).as_ref().and_then(seconds);
    let fallbacks = [either("fallbacks"), either("context_window_fallbacks"), either("content_policy_fallbacks")];
    let strategy = either("routing_strategy");
    let everybodys = either("default_fallbacks").map(names).unwrap_or_default();
    let aliases = router.take_map("model_group_alias").unwrap_or_default().0;
    draft.leave(&router, "router_settings", "there is nothing like it here");
    draft.leave(&settings, "litellm_settings", "there is nothing like it here");
    fall_back(fallbacks, &everybodys, (models, draft));
    if let Some(total) = timeout {
        let mut deadlines = Body::default();
        deadlines.key("total", total);
        let mut defaults = Body::default();
        defaults.table("deadlines", deadlines);
        draft.root.table("defaults", defaults);
    }
    let aliases = aliases.entries.into_iter().map(|(alias, node)| (alias, alias_of(&node), node.line)).collect();
    (Policy { rotation: rotation(strategy, models, draft), retries, allowed_fails, cooldown }, aliases)
}

/// An alias is a name, or a map with the name as its `model`.
fn alias_of(node: &Node) -> String {
    match &node.value {
        Value::Map(map) => map.get("model").map(|node| node.value.as_text()).unwrap_or_default(),
        value => value.as_text(),
    }
}

/// Notes who is asked after whom: by the usual lists, by everybody's, by those for long prompts, and by those for refused content.
fn fall_back(
    [usual, context, content]: [Option<Node>; 3],
    everybodys: &[String],
    (models, draft): (&mut [Model], &mut Draft),
) {
    if let Some(node) = usual {
        add(node, |model| &mut model.fallbacks, (models, draft));
    }
    for model in models.iter_mut() {
        model.fallbacks.extend(everybodys.iter().cloned());
    }
    if let Some(node) = context {
        let message = "they come after the other fallbacks, for other faults too; a request that the models before them have no room for, by \
             their cards, goes there at once";
        draft.note(NoteKind::Guessed, (node.line, "context_window_fallbacks"), message);
        add(node, |model| &mut model.fallbacks, (models, draft));
    }
    if let Some(node) = content {
        add(node, |model| &mut model.filtered, (models, draft));
    }
    for Model { name, fallbacks, filtered, .. } in models {
        fallbacks.retain(|fallback| fallback != name);
        filtered.retain(|fallback| fallback != name);
    }
}

/// The names of a list.
fn names(node: Node) -> Vec<String> {
    node.value.into_items(node.line).iter().map(|node| node.value.as_text()).collect()
}

/// `[{a: [b, c]}]`, where `*` is every model.
fn add(node: Node, list_of: fn(&mut Model) -> &mut Vec<String>, (models, draft): (&mut [Model], &mut Draft)) {
    for item in node.value.into_items(node.line) {
        let Value::Map(map) = item.value else { continue };
        for (name, node) in map.entries {
            let line = node.line;
            let names = names(node);
            let mut meant = models.iter_mut().filter(|model| name == "*" || model.name == name).peekable();
            if meant.peek().is_none() {
                draft.note(NoteKind::Skipped, (line, "fallbacks"), format!("'{name}' is in no model_list"));
            }
            for model in meant {
                list_of(model).extend(names.iter().cloned());
            }
        }
    }
}

fn rotation(strategy: Option<Node>, models: &[Model], draft: &mut Draft) -> &'static str {
    let has_weights = models.iter().flat_map(|model| &model.deployments).any(|deployment| deployment.weight.is_some());
    let shuffle = if has_weights { "weighted_random" } else { "random" };
    let Some(node) = strategy else { return shuffle };
    let at = (node.line, "router_settings.routing_strategy");
    match node.value.as_text().as_str() {
        "simple-shuffle" => shuffle,
        "least-busy" => "least_connections",
        "latency-based-routing" => "response_time",
        "cost-based-routing" => "cheapest",
        other => {
            let message = format!("'{other}' is taken for the instance with the fewest requests");
            draft.note(NoteKind::Guessed, at, message);
            "least_connections"
        }
    }
}
