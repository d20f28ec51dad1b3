//! A Portkey config: a strategy over targets, which may have strategies of their own. What falls back is a task group, what balances its
//! load is a pool; the whole is asked for as `portkey`.

use toml_edit::Array;

use super::{
    super::{
        NoteKind,
        body::Body,
        yaml::{Map, Node, Value},
    },
    cloud,
    draft::{Deployment, Draft, Upstream, whole},
};

/// The name of the whole.
const NAME: &str = "portkey";

/// Converts the whole file; `false` if it has neither targets nor a provider.
pub(super) fn convert(mut map: Map, draft: &mut Draft) -> bool {
    if map.get("targets").is_none() && map.get("provider").is_none() {
        return false;
    }
    for key in ["cache", "before_request_hooks", "after_request_hooks", "input_guardrails", "output_guardrails"] {
        if let Some(node) = map.take(key) {
            draft.note(NoteKind::NotCarriedOver, (node.line, key), "there is nothing like it here");
        }
    }
    match mode(&mut map, draft).as_str() {
        "fallback" => group(map, draft),
        _ => drop(pool(NAME, map, draft)),
    }
    true
}

fn mode(map: &mut Map, draft: &mut Draft) -> String {
    let Some((mut strategy, line)) = map.take_map("strategy") else { return "single".to_owned() };
    if strategy.take("on_status_codes").is_some() {
        let message = "which faults lead elsewhere follows from their kind here, not from a list of statuses";
        draft.note(NoteKind::Converted, (line, "strategy.on_status_codes"), message);
    }
    let mode = strategy.take_text("mode").unwrap_or_default();
    if mode == "conditional" {
        let message = "conditions are not imported; its targets become one pool";
        draft.note(NoteKind::Guessed, (line, "strategy.mode"), message);
    }
    draft.leave(&strategy, "strategy", "there is nothing like it here");
    mode
}

fn targets(map: &mut Map) -> Vec<Node> {
    map.take("targets").map(|node| node.value.into_items(node.line)).unwrap_or_default()
}

fn group(mut map: Map, draft: &mut Draft) {
    let retries = retries(&mut map, draft);
    let deadline = map.take("request_timeout").as_ref().and_then(whole);
    let mut tiers = Vec::new();
    for (at, node) in targets(&mut map).into_iter().enumerate() {
        let line = node.line;
        let Value::Map(target) = node.value else { continue };
        let name = format!("{NAME}-{}", at + 1);
        if !pool(&name, target, draft) {
            draft.note(NoteKind::Skipped, (line, &format!("targets[{at}]")), "nobody in it can be asked");
            continue;
        }
        let mut tier = Body::default();
        tier.key("models", Array::from_iter([format!("pool:{name}")]));
        tier.key("priority", i64::try_from(tiers.len() + 1).unwrap_or(1000));
        if let Some(retries) = retries {
            tier.key("max_retries", retries.clamp(0, 10));
        }
        if let Some(millis) = deadline {
            tier.key("timeout", seconds_of(millis));
        }
        tiers.push((format!("tier{}", tiers.len() + 1), tier));
    }
    draft.leave(&map, "", "there is nothing like it here");
    if let Some(name) = draft.claim(NAME, (0, ""))
        && !tiers.is_empty()
    {
        draft.group(&name, tiers, Body::default());
    }
}

/// Writes a pool of whoever is asked in `map`, itself or through its targets; `false` if that is nobody.
fn pool(name: &str, mut map: Map, draft: &mut Draft) -> bool {
    let line = map.entries.first().map_or(0, |(_, node)| node.line);
    let has_strategy = map.get("strategy").is_some();
    let is_fallback = has_strategy && mode(&mut map, draft) == "fallback";
    let retries = retries(&mut map, draft);
    let deadline = map.take("request_timeout").as_ref().and_then(whole);
    let below = targets(&mut map);
    let deployments: Vec<Deployment> = if below.is_empty() {
        deployment(map, (line, name), draft).into_iter().collect()
    } else {
        draft.leave(&map, name, "there is nothing like it here");
        below.into_iter().flat_map(|node| deployments(node, name, draft)).collect()
    };
    if deployments.is_empty() {
        return false;
    }
    let Some(name) = draft.claim(name, (line, name)) else { return false };
    let mut policy = Body::default();
    policy.key("rotation", if is_fallback { "declared" } else { "weighted_random" });
    if let Some(millis) = deadline {
        policy.key("timeout", seconds_of(millis));
    }
    if let Some(retries) = retries {
        let mut fallback = Body::default();
        fallback.key("max_instance_attempts", (retries + 1).clamp(1, 100));
        policy.table("fallback", fallback);
    }
    draft.pool(&name, deployments, policy);
    true
}

/// Whoever is asked in a target, at whatever depth.
fn deployments(node: Node, path: &str, draft: &mut Draft) -> Vec<Deployment> {
    let line = node.line;
    let Value::Map(mut map) = node.value else { return Vec::new() };
    let below = targets(&mut map);
    if below.is_empty() {
        return deployment(map, (line, path), draft).into_iter().collect();
    }
    draft.note(
        NoteKind::Guessed,
        (line, path),
        "a strategy within a strategy: its targets are asked as one pool with the others",
    );
    below.into_iter().flat_map(|node| deployments(node, path, draft)).collect()
}

/// What a target says of Azure.
struct AzureTarget {
    resource: String,
    deployment: Option<String>,
    version: Option<String>,
}

impl AzureTarget {
    /// `None` if the provider is another one, or the resource is not named.
    fn of(provider: &str, map: &mut Map, (at, draft): ((usize, &str), &mut Draft)) -> Option<Self> {
        if provider != "azure-openai" {
            return None;
        }
        let mut either = |key: &str| map.take_text(&format!("azure_{key}")).or_else(|| map.take_text(key));
        let (resource, deployment, version) = (either("resource_name"), either("deployment_id"), either("api_version"));
        if resource.is_none() {
            let message = "Azure's resource is not named: set AZURE_ENDPOINT to where it is";
            draft.note(NoteKind::Guessed, at, message);
        }
        let resource = resource
            .map_or_else(|| "${AZURE_ENDPOINT}".to_owned(), |resource| format!("https://{resource}.openai.azure.com"));
        Some(Self { resource, deployment, version })
    }
}

fn deployment(mut map: Map, (line, path): (usize, &str), draft: &mut Draft) -> Option<Deployment> {
    let at = (line, path);
    let named = map.take_text("provider").unwrap_or_default();
    let key = map.take_text("api_key");
    if let Some(virtual_key) = map.take_text("virtual_key") {
        draft.note(
            NoteKind::Converted,
            at,
            format!("the virtual key '{virtual_key}' is a secret of Portkey's: set the provider's own"),
        );
    }
    let host = map.take_text("custom_host");
    let azure = AzureTarget::of(&named, &mut map, (at, draft));
    let bedrock = (named == "bedrock").then(|| cloud::bedrock(&mut map, (at, draft)));
    let mut params = map.take_map("override_params").unwrap_or_default().0;
    let model = params.take_text("model");
    draft.leave(
        &params,
        &format!("{path}.override_params"),
        "the caller says it, or the tier: temperature and max_tokens",
    );
    let weight = map.take("weight").map(|node| node.value.as_text().parse::<f64>().unwrap_or(1.0));
    draft.leave(&map, path, "there is nothing like it here");
    // `@openai-prod/gpt-4o` names an integration and a model.
    let named = named.trim_start_matches('@').to_owned();
    let (named, model) = match (named.is_empty(), &model) {
        (true, Some(spelled)) => {
            let (provider, model) = spelled.trim_start_matches('@').split_once('/').unwrap_or(("openai", spelled));
            (provider.to_owned(), Some(model.to_owned()))
        }
        _ => (named, model),
    };
    let deployment = azure.as_ref().and_then(|azure| azure.deployment.clone());
    let Some(model) = model.or(deployment) else {
        draft.note(
            NoteKind::Skipped,
            at,
            "it takes the caller's model, which no pool does here: add override_params.model",
        );
        return None;
    };
    let name = if named.is_empty() { "openai".to_owned() } else { named };
    let upstream = if let Some(AzureTarget { resource, version, .. }) = azure {
        let key = draft.key(key.as_deref(), "AZURE_API_KEY", at);
        cloud::azure((&resource, version), key, (at, draft))
    } else if let Some(bedrock) = bedrock {
        bedrock
    } else {
        let known = draft.known(&name, host.is_some(), at)?;
        let api_key = draft.key(key.as_deref(), known.variable, at);
        let base_url = host.map(|host| host.trim_end_matches('/').to_owned());
        Upstream { name, wire: known.wire, base_url, keys: Vec::new(), api_key, key_header: None }
    };
    #[expect(clippy::cast_possible_truncation, reason = "a share, in thousandths")]
    let weight = weight.map(|weight| (weight * 1000.0).round() as i64);
    Some(Deployment { upstream, model, weight: weight.map(|weight| weight.clamp(0, 1_000_000)), max_concurrency: None })
}

fn retries(map: &mut Map, draft: &mut Draft) -> Option<i64> {
    let (mut retry, line) = map.take_map("retry")?;
    if retry.take("on_status_codes").is_some() {
        let message = "which faults are tried again follows from their kind here, not from a list of statuses";
        draft.note(NoteKind::Converted, (line, "retry.on_status_codes"), message);
    }
    let attempts = retry.take("attempts").as_ref().and_then(whole);
    draft.leave(&retry, "retry", "there is nothing like it here");
    attempts
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a timeout")]
fn seconds_of(millis: i64) -> f64 {
    (millis as f64 / 1000.0).clamp(0.001, 86_400.0)
}
