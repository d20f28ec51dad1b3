//! Onwards: `targets` by model, each with one upstream or several.

use super::{
    super::{
        NoteKind,
        body::Body,
        yaml::{Map, Value},
    },
    draft::{Deployment, Draft, Upstream, whole},
    known::Wire,
};

/// Converts the whole file; `false` if it has no targets.
pub(super) fn convert(mut map: Map, draft: &mut Draft) -> bool {
    let Some((targets, _)) = map.take_map("targets") else { return false };
    for (name, node) in targets.entries {
        let line = node.line;
        if let Value::Map(target) = node.value {
            convert_target(&name, target, (line, draft));
        }
    }
    if let Some((_, line)) = map.take_map("auth") {
        draft.note(NoteKind::NotCarriedOver, (line, "auth"), "the keys of callers are not imported");
    }
    draft.leave(&map, "", "there is nothing like it here");
    true
}

fn convert_target(name: &str, mut target: Map, (line, draft): (usize, &mut Draft)) {
    let path = format!("targets.{name}");
    let mut policy = Body::default();
    let strategy = target.take_text("strategy").unwrap_or_default();
    policy.key("rotation", if strategy == "priority" { "declared" } else { "weighted_random" });
    if let Some((mut rate, rate_line)) = target.take_map("rate_limit") {
        let per_second = rate.take("requests_per_second").as_ref().and_then(whole);
        rate_limit(&mut policy, per_second, rate.take("burst_size").as_ref().and_then(whole));
        draft.leave(&rate, &format!("{path}.rate_limit"), "there is nothing like it here");
        let message = "the bucket holds its burst, or what comes in a second";
        draft.note(NoteKind::Converted, (rate_line, &path), message);
    }
    let at_once = target.take_map("concurrency_limit").and_then(|(mut limit, _)| limit.take("max_concurrent_requests"));
    if let Some(most) = at_once.as_ref().and_then(whole) {
        let mut limits = Body::default();
        limits.key("max_concurrency", most.max(1));
        policy.table("limits", limits);
    }
    if let Some((fallback, fallback_line)) = target.take_map("fallback") {
        let message = "after a fault another instance is asked, whatever the list of statuses says";
        draft.note(NoteKind::Converted, (fallback_line, &path), message);
        drop(fallback);
    }
    let upstreams = match target.take("providers").or_else(|| target.take("pool")) {
        Some(node) => node.value.into_items(node.line),
        None => Vec::new(),
    };
    let mut maps: Vec<(Map, usize)> = upstreams
        .into_iter()
        .filter_map(|node| if let Value::Map(map) = node.value { Some((map, node.line)) } else { None })
        .collect();
    if maps.is_empty() {
        maps.push((std::mem::take(&mut target), line));
    }
    let deployments: Vec<Deployment> =
        maps.into_iter().filter_map(|(map, line)| deployment(name, map, (line, &path, draft))).collect();
    draft.leave(&target, &path, "there is nothing like it here");
    if deployments.is_empty() {
        draft.note(NoteKind::Skipped, (line, &path), "none of its upstreams can be used");
    } else if let Some(pool) = draft.claim(name, (line, &path)) {
        draft.pool(&pool, deployments, policy);
    }
}

fn rate_limit(policy: &mut Body, per_second: Option<i64>, burst: Option<i64>) {
    let Some(per_second) = per_second.filter(|rate| *rate > 0) else { return };
    let mut bucket = Body::default();
    bucket.key("algorithm", "token_bucket");
    bucket.key("bucket_size", burst.unwrap_or(per_second).max(1));
    bucket.key("refill_rate", per_second);
    policy.table("rate_limiting", bucket);
}

fn deployment(name: &str, mut map: Map, (line, path, draft): (usize, &str, &mut Draft)) -> Option<Deployment> {
    let url = map.take_text("url").unwrap_or_default();
    if url.is_empty() {
        draft.note(NoteKind::Skipped, (line, path), "it has no 'url'");
        return None;
    }
    let host = url.split("://").nth(1).unwrap_or(&url).split(['/', ':']).next().unwrap_or_default().to_owned();
    let url = url.trim_end_matches('/');
    // It appends the caller's path, which begins with /v1.
    let base_url = if url.ends_with("/v1") { url.to_owned() } else { format!("{url}/v1") };
    let variable = variable_of(&host);
    let said = map.take_text("onwards_key");
    let api_key = said.and_then(|said| draft.key(Some(&said), &variable, (line, path)));
    let key_header = map.take_text("upstream_auth_header_name");
    if let Some(node) = map.take("keys") {
        draft.note(NoteKind::NotCarriedOver, (node.line, path), "the keys of callers are not imported");
    }
    let model = map.take_text("onwards_model").unwrap_or_else(|| name.to_owned());
    let weight = map.take("weight").as_ref().and_then(whole);
    draft.leave(&map, path, "there is nothing like it here");
    let (name, wire) = (host.replace('.', "-"), Wire::Protocol("openai"));
    let upstream = Upstream { name, wire, base_url: Some(base_url), keys: Vec::new(), api_key, key_header };
    Some(Deployment { upstream, model, weight, max_concurrency: None })
}

/// `API_OPENAI_COM_KEY` for `api.openai.com`.
fn variable_of(host: &str) -> String {
    let upper: String = host
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("{}_KEY", upper.trim_start_matches(|character: char| character.is_ascii_digit()))
}
