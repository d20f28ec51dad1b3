//! `LiteLLM`'s proxy configuration. A `model_name` is a pool of its deployments; one with fallbacks is a task group whose first
//! tier is that pool.

mod settings;

use self::settings::{Policy, settle};
use super::{
    super::{
        NoteKind,
        body::Body,
        yaml::{Map, Value},
    },
    cloud,
    draft::{Deployment, Draft, Upstream, referring, whole},
};

/// A `model_name` with everything that is said about it.
#[derive(Default)]
struct Model {
    name: String,
    line: usize,
    deployments: Vec<Deployment>,
    requests_per_minute: i64,
    tokens_per_minute: i64,
    /// Who is asked next, in order.
    fallbacks: Vec<String>,
    /// Who is asked when the content was refused.
    filtered: Vec<String>,
}

impl Model {
    /// Whether nobody is asked after it.
    fn is_pool(&self) -> bool {
        self.fallbacks.is_empty() && self.filtered.is_empty()
    }
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
    // Bedrock is asked in Converse, whichever of its two ways is named.
    let model = model.strip_prefix("converse/").or_else(|| model.strip_prefix("invoke/")).unwrap_or(model);
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
        models.push(Model { name, line, ..Model::default() });
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
    if matches!(prefix, "azure" | "azure_text") {
        let Some(resource) = base_url else {
            draft.note(NoteKind::Skipped, at, "'azure' needs 'api_base'");
            return None;
        };
        let key = draft.key(api_key.as_deref(), "AZURE_API_KEY", at);
        return Some(cloud::azure((&resource, params.take_text("api_version")), key, (at, draft)));
    }
    if prefix == "bedrock" {
        return Some(cloud::bedrock(params, (at, draft)));
    }
    let known = draft.known(prefix, base_url.is_some(), at)?;
    Some(Upstream {
        name: prefix.to_owned(),
        wire: known.wire,
        base_url: base_url.as_deref().map(referring),
        keys: Vec::new(),
        api_key: draft.key(api_key.as_deref(), known.variable, at),
        key_header: None,
    })
}

fn write(models: Vec<Model>, policy: &Policy, draft: &mut Draft) {
    let names: Vec<(String, bool)> = models.iter().map(|model| (model.name.clone(), model.is_pool())).collect();
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
        let is_pool = model.is_pool();
        let body = pool_policy(&model, policy);
        draft.pool(&pool, model.deployments, body);
        if is_pool {
            continue;
        }
        let next = pools(&model.fallbacks, &pool_of, (at, draft));
        let filtered = pools(&model.filtered, &pool_of, (at, draft));
        let tiers: Vec<_> =
            std::iter::once(&pool).chain(&next).zip(1..).map(|(pool, number)| tier(number, pool)).collect();
        let Some(group) = draft.claim(&model.name, at) else { continue };
        let (mut keys, mut fallback) = (Body::default(), Body::default());
        fallback.key("max_attempts", i64::try_from(tiers.len()).unwrap_or(100).clamp(2, 50) * 2);
        if !filtered.is_empty() {
            let targets = filtered.iter().map(|pool| format!("pool:{pool}"));
            fallback.key("content_filter_fallback", targets.collect::<toml_edit::Array>());
        }
        keys.table("fallback", fallback);
        draft.group(&group, tiers, keys);
    }
}

/// The pools behind these names, each once; a name that leads nowhere is noted.
fn pools(
    names: &[String],
    pool_of: &dyn Fn(&str) -> Option<String>,
    (at, draft): ((usize, &str), &mut Draft),
) -> Vec<String> {
    let mut pools = Vec::new();
    for name in names {
        match pool_of(name) {
            Some(pool) if pools.contains(&pool) => {}
            Some(pool) => pools.push(pool),
            None => draft.note(NoteKind::Skipped, at, format!("the fallback '{name}' is in no model_list")),
        }
    }
    pools
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
