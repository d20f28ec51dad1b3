//! `[observability.log]` and `[observability.requests]`: what the gateway says of itself, and what it keeps of requests.

use validator::Validate;

use super::policy::seconds;
use crate::config::{
    fields::Fields,
    settings::{LogFormat, LogLevel, LogSettings, RequestLogSettings},
};

#[derive(Validate)]
struct RequestsToml {
    #[validate(range(min = 0, max = 1_000_000))]
    memory: Option<i64>,
    store: Option<bool>,
    #[validate(range(min = 0.0, max = 1.0))]
    sample: Option<f64>,
    #[validate(range(min = 60.0, max = 315_360_000.0))]
    retention: Option<f64>,
    #[validate(range(min = 1, max = 1_000_000_000))]
    max_stored: Option<i64>,
}

/// Reads the section.
pub(super) fn observability(mut table: Fields<'_>) -> (LogSettings, RequestLogSettings) {
    let settings = (
        table.table("log").map_or_else(Default::default, log),
        table.table("requests").map_or_else(Default::default, requests),
    );
    table.finish();
    settings
}

fn log(mut log: Fields<'_>) -> LogSettings {
    let format = log.choice("format", &["json", "text"], |name| match name {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => None,
    });
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    let level = log.choice("level", &levels.map(LogLevel::as_str), |name| {
        levels.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
    });
    log.finish();
    LogSettings { format: format.unwrap_or_default(), level: level.unwrap_or_default() }
}

fn requests(mut table: Fields<'_>) -> RequestLogSettings {
    let read = RequestsToml {
        memory: table.integer("memory"),
        store: table.flag("store"),
        sample: table.number("sample"),
        retention: table.number("retention"),
        max_stored: table.integer("max_stored"),
    };
    table.check(&read);
    table.finish();
    let RequestsToml { memory, store, sample, retention, max_stored } = read;
    let base = RequestLogSettings::default();
    RequestLogSettings {
        memory: memory.and_then(|memory| usize::try_from(memory).ok()).unwrap_or(base.memory),
        store: store.unwrap_or(base.store),
        sample: sample.unwrap_or(base.sample),
        retention: retention.map_or(base.retention, seconds),
        max_stored: max_stored.and_then(|most| u64::try_from(most).ok()).unwrap_or(base.max_stored),
    }
}
