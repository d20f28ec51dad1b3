//! `[providers.X.simulated]`.

use std::time::Duration;

use validator::Validate;

use crate::{
    config::fields::Fields,
    provider::{SimulatedFailure, SimulatedSettings},
};

#[derive(Validate)]
struct SimulatedToml {
    #[validate(range(min = 0, max = 3_600_000))]
    latency_ms: Option<i64>,
    #[validate(range(min = 0, max = 3_600_000))]
    token_interval_ms: Option<i64>,
    #[validate(range(min = 1, max = 1_000_000))]
    tokens: Option<i64>,
    #[validate(range(min = 0.0, max = 1.0))]
    failure_rate: Option<f64>,
    failure: Option<SimulatedFailure>,
    #[validate(range(min = 0))]
    seed: Option<i64>,
    reply: Option<String>,
}

/// Reads the behaviour of a simulated provider; without the table, it is the default one.
pub(super) fn read(fields: &mut Fields<'_>) -> SimulatedSettings {
    let base = SimulatedSettings::default();
    let Some(mut table) = fields.table("simulated") else { return base };
    let read = SimulatedToml {
        latency_ms: table.integer("latency_ms"),
        token_interval_ms: table.integer("token_interval_ms"),
        tokens: table.integer("tokens"),
        failure_rate: table.number("failure_rate"),
        failure: failure(&mut table),
        seed: table.integer("seed"),
        reply: table.text("reply"),
    };
    table.check(&read);
    if read.reply.is_some() && read.tokens.is_some() {
        table.error("tokens", "has no effect: 'reply' decides how long an answer is", "remove one of them");
    }
    table.finish();
    let SimulatedToml { latency_ms, token_interval_ms, tokens, failure_rate, failure, seed, reply } = read;
    let millis = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    SimulatedSettings {
        latency: latency_ms.map_or(base.latency, millis),
        token_interval: token_interval_ms.map_or(base.token_interval, millis),
        tokens: tokens.and_then(|tokens| u32::try_from(tokens).ok()).unwrap_or(base.tokens),
        failure_rate: failure_rate.unwrap_or(base.failure_rate),
        failure: failure.unwrap_or(base.failure),
        seed: seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(base.seed),
        reply,
    }
}

/// `hang`, `cut`, `stall`, `malformed`, or an HTTP status.
fn failure(table: &mut Fields<'_>) -> Option<SimulatedFailure> {
    let help = "use \"hang\", \"cut\", \"stall\", \"malformed\", or an HTTP status such as 500, 429 or 503";
    let status = match table.integer_or_word("failure")? {
        Ok(status) => u16::try_from(status).ok(),
        Err(word) => match &*word.text {
            "hang" => return Some(SimulatedFailure::Hang),
            "cut" => return Some(SimulatedFailure::Cut),
            "stall" => return Some(SimulatedFailure::Stall),
            "malformed" => return Some(SimulatedFailure::Malformed),
            text => text.parse().ok(),
        },
    };
    let status = status.filter(|status| (400..=599).contains(status));
    if status.is_none() {
        table.error("failure", "is neither a failure nor an HTTP status from 400 to 599", help);
    }
    status.map(SimulatedFailure::Status)
}
