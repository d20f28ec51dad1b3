//! `[task_groups.X.tiers.Y]`.

use std::num::NonZeroU32;

use tidegate_domain::{
    name::{PoolName, TierName},
    pool::RotationKind,
    resilience::HedgePolicy,
    task_group::{InvalidTier, Tier, TierLimits, TierModel, TierPolicy},
};
use validator::Validate;

use super::{
    Context, Mentions, model, name, parameters,
    policy::{deadlines, mid_stream, rotation, seconds},
};
use crate::config::{fields::Fields, kind::Kind, word::Word};

#[derive(Validate)]
struct TierToml {
    #[validate(range(min = 0, max = 1000))]
    priority: Option<i64>,
    #[validate(range(min = 0, max = 10))]
    max_retries: Option<i64>,
    #[validate(range(min = 0, max = 1_000_000))]
    concurrency_limit: Option<i64>,
    #[validate(range(min = 0, max = 1_000_000_000))]
    rpm_limit: Option<i64>,
    #[validate(range(min = 0, max = 4_000_000_000_i64))]
    tpm_limit: Option<i64>,
}

#[derive(Validate)]
struct HedgeToml {
    #[validate(range(min = 0.001, max = 3600.0))]
    after: Option<f64>,
}

/// Reads a tier.
pub(super) fn read(word: &Word, fields: &mut Fields<'_>, context: &Context, mentions: &mut Mentions) -> Option<Tier> {
    let name = name(fields, word, TierName::new);
    let mark = fields.findings.mark();
    let policy = policy(fields, context);
    let words = fields.words("models");
    fields.require("models", "write models = [\"provider:model\"]");
    let mut models: Vec<Option<TierModel>> = Vec::new();
    for word in words? {
        let model = tier_model(fields, &word, context, mentions);
        if model.is_some() && models.contains(&model) {
            let help = "list it once; a pool's 'weight' gives a model a larger share";
            fields.findings.error(&word.place, format!("{} is listed twice", word.quoted()), help);
        }
        models.push(model);
    }
    let models = models.into_iter().collect::<Option<Vec<_>>>()?;
    if fields.findings.has_errors_since(mark) {
        return None;
    }
    match Tier::new(name?, models, policy) {
        Ok(tier) => Some(tier),
        Err(invalid) => {
            let message = match &invalid {
                InvalidTier::NoModels(_) => invalid.to_string(),
                // Reported above, at its place and without repeating a variable's value.
                InvalidTier::DuplicateModel { .. } => "lists a model twice".to_owned(),
            };
            fields.error("models", message, "list at least one \"provider:model\", and none twice");
            None
        }
    }
}

fn policy(fields: &mut Fields<'_>, context: &Context) -> TierPolicy {
    let read = TierToml {
        priority: fields.integer("priority"),
        max_retries: fields.integer("max_retries"),
        concurrency_limit: fields.integer("concurrency_limit"),
        rpm_limit: fields.integer("rpm_limit"),
        tpm_limit: fields.integer("tpm_limit"),
    };
    fields.check(&read);
    let TierToml { priority, max_retries, concurrency_limit, rpm_limit, tpm_limit } = read;
    let small = |number: i64| u32::try_from(number).ok();
    TierPolicy {
        priority: priority.and_then(small),
        rotation: rotation(fields).unwrap_or(RotationKind::Declared),
        max_retries: max_retries.and_then(small).unwrap_or_default(),
        deadlines: deadlines(fields, context.deadlines),
        defaults: parameters::read(fields),
        // 0 has always meant unlimited.
        limits: TierLimits {
            concurrency: concurrency_limit.and_then(small).and_then(NonZeroU32::new),
            requests_per_minute: rpm_limit.and_then(small).and_then(NonZeroU32::new),
            tokens_per_minute: tpm_limit.and_then(small).and_then(NonZeroU32::new),
        },
        mid_stream: mid_stream(fields).unwrap_or_default(),
        hedge: hedge(fields),
    }
}

/// When a slow attempt gets a second one: after so many seconds, or once it is slower than most.
fn hedge(fields: &mut Fields<'_>) -> Option<HedgePolicy> {
    let mut table = fields.table("hedge")?;
    let read = HedgeToml { after: table.number("after") };
    let percentile = table.choice("slower_than", &["p95"], |name| (name == "p95").then_some(HedgePolicy::P95));
    table.check(&read);
    if read.after.is_some() && table.was_given("slower_than") {
        table.error("slower_than", "contradicts 'after'", "keep one of them");
    }
    if !table.was_given("slower_than") {
        table.require("after", "write hedge = { after = 2.5 } or hedge = { slower_than = \"p95\" }");
    }
    table.finish();
    read.after.map(|after| HedgePolicy::After(seconds(after))).or(percentile)
}

fn tier_model(fields: &Fields<'_>, word: &Word, context: &Context, mentions: &mut Mentions) -> Option<TierModel> {
    let Some(pool) = word.text.strip_prefix("pool:") else {
        return model(fields, word, context, mentions).map(TierModel::Direct);
    };
    match PoolName::new(pool) {
        Ok(name) => {
            mentions.add(Kind::Pool, pool, word);
            Some(TierModel::Pool(name))
        }
        Err(error) => {
            fields.findings.error(&word.place, word.objection(error), "write \"pool:NAME\"");
            None
        }
    }
}
