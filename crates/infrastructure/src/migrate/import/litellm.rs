//! `LiteLLM`'s proxy configuration. A `model_name` is a pool of its deployments; one with fallbacks is a task group whose first
//! tier is that pool.

use super::{
    super::{
        NoteKind,
        body::Body,
        yaml::{Map, Node, Value},
    },
    draft::{Deployment, Draft, Upstream, seconds, whole},
};

/// A `model_name` with everything that is said about it.
struct Model {
    name: String,
    line: usize,
    deployments: Vec<Deployment>,
    requests_per_minute: i64,
    tokens_per_minute: i64,
    fallbacks: Vec<String>,
}

/// What holds for every pool.
struct Policy {
    rotation: &'static str,
    retries: Option<i64>,
    allowed_fails: Option<i64>,
    cooldown: Option<f64>,
}

/// Converts the whole file; `false` if it lists no model.
pub(super) fn convert(mut map: Map, draft: &mut Draft) -> bool {
    let Some(list) = map.take("model_list") else { return false };
    let mut models: Vec<Model> = Vec::new();
    for (number, node) in list.value.into_items(list.line).into_iter().enumerate() {
        let line = node.line;
        if let Value::Map(entry) = node.value {
            deployment(entry, (line, number), (&mut models, draft));
        }
    }
    let settings = map.take_map("litellm_settings").unwrap_or_default().0;
    let router = map.take_map("router_settings").unwrap_or_default().0;
    let (policy, aliases) = settle(settings, router, (&mut models, draft));
    if let Some((general, line)) = map.take_map("general_settings") {
        let why = "keys, users and the database of the proxy are not imported";
        draft.note(NoteKind::NotCarriedOver, (line, "general_settings"), why);
        drop(general);
    }
    draft.leave(&map, "", "there is nothing like it here");
    write(models, &policy, draft);
    for (alias, model, line) in aliases {
        wrapper(&alias, &model, (line, draft));
    }
    true
}

fn deployment(mut entry: Map, (line, number): (usize, usize), (models, draft): (&mut Vec<Model>, &mut Draft)) {
    let path = format!("model_list[{number}]");
    let name = entry.take_text("model_name").unwrap_or_default();
    let Some((mut params, _)) = entry.take_map("litellm_params") else {
        draft.note(NoteKind::Skipped, (line, &path), "it has no litellm_params");
        return;
    };
    if name.contains('*') {
        draft.note(NoteKind::Skipped, (line, &path), "a name with a wildcard leads nowhere here: list the models");
        return;
    }
    let spelled = params.take_text("model").unwrap_or_default();
    let (prefix, model) = spelled.split_once('/').unwrap_or(("openai", &spelled));
    let base_url = params.take_text("api_base").or_else(|| params.take_text("base_url"));
    let api_key = params.take_text("api_key");
    let found = upstream((prefix, base_url, api_key), (&mut params, line, &path), draft);
    let Some(upstream) = found else { return };
    let rate = |params: &mut Map, key: &str| params.take(key).as_ref().and_then(whole);
    let (rpm, tpm) = (rate(&mut params, "rpm"), rate(&mut params, "tpm"));
    let weight = rate(&mut params, "weight").or_else(|| {
        rpm.inspect(|_| {
            let message = "'rpm' is the weight too, as it was in the router";
            draft.note(NoteKind::Converted, (line, &path), message);
        })
    });
    let max_concurrency = rate(&mut params, "max_parallel_requests");
    draft.leave(&params, &format!("{path}.litellm_params"), "a deployment has no such setting here");
    entry.take("model_info");
    draft.leave(&entry, &path, "there is nothing like it here");
    let at = models.iter().position(|known| known.name == name).unwrap_or_else(|| {
        let (deployments, fallbacks) = (Vec::new(), Vec::new());
        models.push(Model { name, line, deployments, requests_per_minute: 0, tokens_per_minute: 0, fallbacks });
        models.len() - 1
    });
    let known = &mut models[at];
    known.requests_per_minute += rpm.unwrap_or_default();
    known.tokens_per_minute += tpm.unwrap_or_default();
    known.deployments.push(Deployment { upstream, model: model.to_owned(), weight, max_concurrency });
}

fn upstream(
    (prefix, base_url, api_key): (&str, Option<String>, Option<String>),
    (params, line, path): (&mut Map, usize, &str),
    draft: &mut Draft,
) -> Option<Upstream> {
    let at = (line, path);
    if prefix == "azure" {
        let resource = base_url.unwrap_or_default();
        if resource.is_empty() {
            draft.note(NoteKind::Skipped, at, "'azure' needs 'api_base'");
            return None;
        }
        params.take("api_version");
        draft.note(NoteKind::Guessed, at, "Azure is asked through its v1 API, with the deployment's name as the model");
        return Some(Upstream {
            name: "azure".to_owned(),
            protocol: "openai",
            base_url: format!("{}/openai/v1", resource_url(&resource)),
            api_key: draft.key(api_key.as_deref(), "AZURE_API_KEY", at),
            key_header: Some("api-key".to_owned()),
        });
    }
    let known = draft.known(prefix, base_url.is_some(), at)?;
    let variable = if known.names.contains(&prefix) { known.variable } else { "IMPORTED_API_KEY" };
    Some(Upstream {
        name: prefix.to_owned(),
        protocol: known.protocol,
        base_url: base_url.as_deref().map_or_else(|| known.base_url.to_owned(), resource_url),
        api_key: draft.key(api_key.as_deref(), variable, at),
        key_header: None,
    })
}

/// The URL, or the variable that holds it.
fn resource_url(url: &str) -> String {
    match url.strip_prefix("os.environ/") {
        Some(name) => format!("${{{name}}}"),
        None => url.trim_end_matches('/').to_owned(),
    }
}

/// Reads the settings of the router and of the library, of which the router's count; returns the aliases too.
fn settle(
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
    let everybodys = either("default_fallbacks").map(|node| node.value.into_items(node.line)).unwrap_or_default();
    let aliases = router.take_map("model_group_alias").unwrap_or_default().0;
    draft.leave(&router, "router_settings", "there is nothing like it here");
    draft.leave(&settings, "litellm_settings", "there is nothing like it here");
    let [usual, context, policy] = fallbacks;
    for (node, key) in [(context, "context_window_fallbacks"), (policy, "content_policy_fallbacks")] {
        if let Some(node) = node {
            let why = "a request that is too long or was filtered is not sent elsewhere by a list of its own here";
            draft.note(NoteKind::NotCarriedOver, (node.line, key), why);
        }
    }
    if let Some(node) = usual {
        add_fallbacks(node, models, draft);
    }
    let everybodys: Vec<String> = everybodys.iter().map(|node| node.value.as_text()).collect();
    for model in models.iter_mut() {
        let others = everybodys.iter().filter(|name| **name != model.name && !model.fallbacks.contains(name));
        let others: Vec<String> = others.cloned().collect();
        model.fallbacks.extend(others);
    }
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

/// `[{a: [b, c]}]`.
fn add_fallbacks(node: Node, models: &mut [Model], draft: &mut Draft) {
    for item in node.value.into_items(node.line) {
        let Value::Map(map) = item.value else { continue };
        for (name, node) in map.entries {
            let line = node.line;
            let names: Vec<String> = node.value.into_items(line).iter().map(|node| node.value.as_text()).collect();
            match models.iter_mut().find(|model| model.name == name) {
                Some(model) => model.fallbacks.extend(names),
                None => draft.note(NoteKind::Skipped, (line, "fallbacks"), format!("'{name}' is in no model_list")),
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

fn write(models: Vec<Model>, policy: &Policy, draft: &mut Draft) {
    let names: Vec<(String, bool)> =
        models.iter().map(|model| (model.name.clone(), model.fallbacks.is_empty())).collect();
    // The pool behind a name: of its own name, unless a task group has that.
    let pool_of = |name: &str| {
        names
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, is_pool)| if *is_pool { name.to_owned() } else { format!("{name}-pool") })
    };
    for model in models {
        let at = (model.line, "model_list");
        let pool = pool_of(&model.name).unwrap_or_default();
        let Some(pool) = draft.claim(&pool, at) else { continue };
        let body = pool_policy(&model, policy);
        draft.pool(&pool, model.deployments, body);
        if model.fallbacks.is_empty() {
            continue;
        }
        let mut tiers = vec![tier(1, &pool)];
        for fallback in &model.fallbacks {
            match pool_of(fallback) {
                Some(pool) => tiers.push(tier(tiers.len() + 1, &pool)),
                None => draft.note(NoteKind::Skipped, at, format!("the fallback '{fallback}' is in no model_list")),
            }
        }
        let Some(group) = draft.claim(&model.name, at) else { continue };
        let mut keys = Body::default();
        let mut fallback = Body::default();
        fallback.key("max_attempts", i64::try_from(tiers.len()).unwrap_or(100).clamp(2, 50) * 2);
        keys.table("fallback", fallback);
        draft.group(&group, tiers, keys);
    }
}

fn tier(number: usize, pool: &str) -> (String, Body) {
    let mut body = Body::default();
    body.key("models", toml_edit::Array::from_iter([format!("pool:{pool}")]));
    body.key("priority", i64::try_from(number).unwrap_or(1000));
    (format!("tier{number}"), body)
}

fn pool_policy(model: &Model, policy: &Policy) -> Body {
    let mut body = Body::default();
    body.key("rotation", policy.rotation);
    if let Some(retries) = policy.retries {
        let mut fallback = Body::default();
        fallback.key("max_instance_attempts", (retries + 1).clamp(1, 100));
        body.table("fallback", fallback);
    }
    if policy.allowed_fails.is_some() || policy.cooldown.is_some() {
        let mut breaker = Body::default();
        if let Some(fails) = policy.allowed_fails {
            breaker.key("failure_threshold", (fails + 1).clamp(1, 1000));
        }
        if let Some(cooldown) = policy.cooldown {
            breaker.key("recovery_time", cooldown);
        }
        body.table("circuit_breaker", breaker);
    }
    if model.requests_per_minute > 0 || model.tokens_per_minute > 0 {
        let mut rate = Body::default();
        for (key, count) in [("requests", model.requests_per_minute), ("tokens", model.tokens_per_minute)] {
            if count > 0 {
                rate.key(key, count);
            }
        }
        let mut limits = Body::default();
        limits.table("rate", rate);
        body.table("limits", limits);
    }
    body
}

fn wrapper(alias: &str, model: &str, (line, draft): (usize, &mut Draft)) {
    let at = (line, "router_settings.model_group_alias");
    if model.is_empty() {
        draft.note(NoteKind::Skipped, at, format!("'{alias}' stands for nothing"));
        return;
    }
    if let Some((kind, target)) = draft.target(model) {
        if let Some(name) = draft.claim(alias, at) {
            draft.wrapper(&name, kind, &target);
        }
    } else {
        draft.note(NoteKind::Skipped, at, format!("'{alias}' stands for '{model}', which is in no model_list"));
    }
}
