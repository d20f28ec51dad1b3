//! `[pools.X]`.

use std::collections::BTreeSet;

use tidegate_domain::{
    name::{InstanceId, KeyName, ModelRef, PoolName},
    pool::{InstanceSpec, InvalidPool, Pool, PoolMember, PoolPolicy, Weight},
    task_group::GroupReference,
};
use validator::Validate;

use super::{
    Context, Mentions, concurrency, fallback, limits, name, picking,
    policy::{breaker, count, deadlines, health, mid_stream, rotation},
    provider::base_url,
    split_model,
};
use crate::config::{fields::Fields, word::Word};

#[derive(Validate)]
struct InstanceToml {
    #[validate(range(min = 0, max = 1_000_000))]
    weight: Option<i64>,
    #[validate(range(min = 1, max = 1_000_000))]
    max_concurrency: Option<i64>,
}

/// Reads a pool.
pub(in crate::config) fn read(
    word: &Word,
    fields: &mut Fields<'_>,
    context: &Context,
    mentions: &mut Mentions,
) -> Option<Pool> {
    let name = name(fields, word, PoolName::new);
    let description = fields.text("description").unwrap_or_default();
    let mark = fields.findings.mark();
    let references = references(fields, mentions);
    let instances = instances(fields, context, mentions);
    let policy = policy(fields, context, mentions);
    let members = instances.into_iter().chain(references).collect::<Option<Vec<_>>>()?;
    if fields.findings.has_errors_since(mark) {
        return None;
    }
    match Pool::new(name?, members, policy) {
        Ok(pool) => Some(pool.described(description)),
        Err(invalid) => {
            report(fields, &invalid);
            None
        }
    }
}

fn report(fields: &Fields<'_>, invalid: &InvalidPool) {
    let (place, message, help) = match invalid {
        InvalidPool::NoMembers(_) => {
            let help = "write task_groups = [\"group\"], or [[pools.NAME.instances]]";
            (fields.here(), invalid.to_string(), help)
        }
        // Reported before, at its place and without repeating a variable's value.
        InvalidPool::DuplicateInstance { .. } => {
            (fields.place("instances"), "two of them have one id".to_owned(), "give each an 'id' of its own")
        }
        InvalidPool::HalfAFallback(_) => (fields.place("fallback"), invalid.to_string(), "write both, or none of them"),
        InvalidPool::NoWeight(_) => {
            (fields.place("instances"), invalid.to_string(), "give one of them a weight of 1 or more")
        }
    };
    fields.findings.error(&place, message, help);
}

fn policy(fields: &mut Fields<'_>, context: &Context, mentions: &mut Mentions) -> PoolPolicy {
    let base = PoolPolicy::default();
    let fallback::OfPool { fallback, pools, max_instance_attempts } = fallback::of_pool(fields, &base, mentions);
    PoolPolicy {
        rotation: rotation(fields).unwrap_or(base.rotation),
        slow_start: picking::slow_start(fields),
        affinity: picking::affinity(fields),
        ejection: picking::ejection(fields),
        on_exhausted: picking::on_exhausted(fields).unwrap_or_default(),
        health: health(fields).unwrap_or(base.health),
        breaker: breaker(fields).unwrap_or(base.breaker),
        adaptive_concurrency: concurrency::adaptive(fields),
        fallback,
        fallback_pools: pools,
        max_instance_attempts,
        deadlines: deadlines(fields, context.deadlines).unwrap_or(context.deadlines),
        limits: limits::read(fields),
        mid_stream: mid_stream(fields).unwrap_or(base.mid_stream),
    }
}

fn references(fields: &mut Fields<'_>, mentions: &mut Mentions) -> Vec<Option<PoolMember>> {
    let mut members: Vec<Option<PoolMember>> = Vec::new();
    for word in fields.words("task_groups").unwrap_or_default() {
        let member = fallback::reference(fields, &word, mentions)
            .map(|GroupReference { group, tier }| PoolMember::Reference { group, tier });
        if member.is_some() && members.contains(&member) {
            let message = format!("{} is listed twice", word.quoted());
            fields.findings.error(&word.place, message, "remove one of them");
        }
        members.push(member);
    }
    members
}

fn instances(fields: &mut Fields<'_>, context: &Context, mentions: &mut Mentions) -> Vec<Option<PoolMember>> {
    let mut ids: BTreeSet<InstanceId> = BTreeSet::new();
    let mut read = |mut table: Fields<'_>| {
        let instance = instance(&mut table, context, mentions);
        if instance.as_ref().is_some_and(|instance| !ids.insert(instance.id.clone())) {
            table.error("id", "equals the id of an earlier instance", "give each instance an 'id' of its own");
        }
        table.finish();
        instance.map(PoolMember::Instance)
    };
    fields.tables("instances").unwrap_or_default().into_iter().map(&mut read).collect()
}

fn instance(table: &mut Fields<'_>, context: &Context, mentions: &mut Mentions) -> Option<InstanceSpec> {
    let id = instance_id(table);
    let read = InstanceToml { weight: table.integer("weight"), max_concurrency: table.integer("max_concurrency") };
    table.check(&read);
    let base_url = base_url(table);
    let key = table.word("key");
    let model = split_model(table, context, mentions)?;
    let key = match key {
        Some(word) => {
            let key = name(table, &word, KeyName::new)?;
            mentions.add_key(model.provider(), &word);
            Some(key)
        }
        None => None,
    };
    let id = match id {
        Some(word) => name(table, &word, InstanceId::new)?,
        None => own_id(&model, key.as_ref())?,
    };
    let InstanceToml { weight, max_concurrency } = read;
    let weight = weight.and_then(|weight| u32::try_from(weight).ok()).and_then(Weight::new);
    Some(InstanceSpec {
        id,
        model,
        weight: weight.unwrap_or_default(),
        max_concurrency: max_concurrency.map(count),
        base_url: base_url.map(String::into_boxed_str),
        key,
    })
}

/// What an instance is called that nobody has named.
fn own_id(model: &ModelRef, key: Option<&KeyName>) -> Option<InstanceId> {
    let id = key.map_or_else(|| model.to_string(), |key| format!("{model}@{key}"));
    InstanceId::new(&id).ok()
}

/// `id`, or `name` as older files call it.
fn instance_id(table: &mut Fields<'_>) -> Option<Word> {
    let id = table.word("id");
    let name = table.word("name");
    if id.is_some() && name.is_some() {
        table.error("name", "'id' and 'name' are two spellings of one key", "keep 'id'");
    }
    id.or(name)
}
