//! `[server]`, `[storage]`, `[defaults]`, `[limits]`, `[registry]` and `[global]`: what is no entry.

use std::{net::SocketAddr, path::PathBuf};

use tidegate_domain::{
    admission::Limits,
    name::Target,
    resilience::{Deadlines, RetryBudgetPolicy},
};
use validator::Validate;

use super::{
    Mentions,
    limits::limits,
    observability::observability,
    policy::{deadlines, retry_budget, seconds},
};
use crate::config::{
    fields::Fields,
    kind::Kind,
    settings::{LogSettings, ReloadSettings, RequestLogSettings, ServerSettings, StorageSettings},
    word::Word,
};

#[derive(Validate)]
struct ServerToml {
    listen: Option<SocketAddr>,
    admin_listen: Option<SocketAddr>,
    #[validate(range(min = 1024, max = 1_073_741_824))]
    max_body_bytes: Option<i64>,
    #[validate(range(min = 8192, max = 1_048_576))]
    max_header_bytes: Option<i64>,
    #[validate(range(min = 0.001, max = 3600.0))]
    header_timeout: Option<f64>,
    #[validate(range(min = 0.001, max = 3600.0))]
    body_timeout: Option<f64>,
    #[validate(range(min = 0.0, max = 3600.0))]
    stream_keep_alive: Option<f64>,
    #[validate(range(min = 0.0, max = 3600.0))]
    drain_timeout: Option<f64>,
}

#[derive(Validate)]
struct ReloadToml {
    #[validate(range(min = 0.1, max = 86400.0))]
    reload_interval: Option<f64>,
}

/// What the root file says beside its entries.
pub(in crate::config) struct Root {
    pub(in crate::config) server: ServerSettings,
    pub(in crate::config) storage: StorageSettings,
    pub(in crate::config) log: LogSettings,
    pub(in crate::config) requests: RequestLogSettings,
    pub(in crate::config) reload: ReloadSettings,
    pub(in crate::config) deadlines: Deadlines,
    pub(in crate::config) retry_budget: RetryBudgetPolicy,
    pub(in crate::config) limits: Limits,
    pub(in crate::config) target: Option<Target>,
    /// Whether an entry with errors is left out instead of making the whole unusable.
    pub(in crate::config) is_lenient: bool,
}

/// Reads the root file.
pub(in crate::config) fn read(fields: &mut Fields<'_>, mentions: &mut Mentions) -> Root {
    fields.table("registry").into_iter().for_each(|mut registry| {
        // The root file's own has been taken out: it says which files there are.
        registry.refuse("explicit", "has no effect in an overlay", "write it in the root file");
        registry.finish();
    });
    let (deadlines, retry_budget, target) = fields.table("defaults").map_or_else(Default::default, |mut defaults| {
        let deadlines = deadlines(&mut defaults, Deadlines::default());
        let retry_budget = retry_budget(&mut defaults).unwrap_or_default();
        let target = target(&mut defaults, mentions);
        defaults.finish();
        (deadlines.unwrap_or_default(), retry_budget, target)
    });
    let (log, requests) = fields.table("observability").map_or_else(Default::default, observability);
    let (is_lenient, reload) = fields.table("global").map_or_else(Default::default, global);
    Root {
        server: fields.table("server").map_or_else(Default::default, server),
        storage: fields.table("storage").map_or_else(Default::default, storage),
        log,
        requests,
        deadlines,
        retry_budget,
        limits: limits(fields),
        target,
        reload,
        is_lenient,
    }
}

/// Whether validation is lenient, and how changes are noticed.
fn global(mut table: Fields<'_>) -> (bool, ReloadSettings) {
    let is_lenient = table.choice("config_validation", &["strict", "lenient"], |name| match name {
        "strict" => Some(false),
        "lenient" => Some(true),
        _ => None,
    });
    let is_enabled = table.flag("enable_hot_reload");
    let read = ReloadToml { reload_interval: table.number("reload_interval") };
    table.check(&read);
    table.finish();
    let ReloadToml { reload_interval } = read;
    let base = ReloadSettings::default();
    let reload = ReloadSettings {
        is_enabled: is_enabled.unwrap_or(base.is_enabled),
        interval: reload_interval.map_or(base.interval, seconds),
    };
    (is_lenient.unwrap_or_default(), reload)
}

fn server(mut table: Fields<'_>) -> ServerSettings {
    let read = ServerToml {
        listen: address(&mut table, "listen"),
        admin_listen: address(&mut table, "admin_listen"),
        max_body_bytes: table.integer("max_body_bytes"),
        max_header_bytes: table.integer("max_header_bytes"),
        header_timeout: table.number("header_timeout"),
        body_timeout: table.number("body_timeout"),
        stream_keep_alive: table.number("stream_keep_alive"),
        drain_timeout: table.number("drain_timeout"),
    };
    table.check(&read);
    let base = ServerSettings::default();
    let ServerToml {
        listen,
        admin_listen,
        max_body_bytes,
        max_header_bytes,
        header_timeout,
        body_timeout,
        stream_keep_alive,
        drain_timeout,
    } = read;
    let bytes = |bytes: i64| usize::try_from(bytes).unwrap_or_default();
    let settings = ServerSettings {
        listen: listen.unwrap_or(base.listen),
        admin_listen: admin_listen.unwrap_or(base.admin_listen),
        max_body_bytes: max_body_bytes.map_or(base.max_body_bytes, bytes),
        max_header_bytes: max_header_bytes.map_or(base.max_header_bytes, bytes),
        header_timeout: header_timeout.map_or(base.header_timeout, seconds),
        body_timeout: body_timeout.map_or(base.body_timeout, seconds),
        // 0 switches it off.
        stream_keep_alive: stream_keep_alive
            .map_or(base.stream_keep_alive, |silence| (silence > 0.0).then(|| seconds(silence))),
        drain_timeout: drain_timeout.map_or(base.drain_timeout, seconds),
    };
    if settings.listen == settings.admin_listen && settings.listen.port() != 0 {
        let message = format!("callers and operators cannot both be served at {}", settings.listen);
        table.error("admin_listen", message, "choose another port for one of them");
    }
    table.finish();
    settings
}

fn address(table: &mut Fields<'_>, key: &'static str) -> Option<SocketAddr> {
    let word = table.word(key)?;
    let address = word.text.parse().ok();
    if address.is_none() {
        let message = format!("{} is no address with a port", word.quoted());
        table.error(key, message, "write e.g. 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080");
    }
    address
}

/// Where definitions are kept.
pub(in crate::config) fn storage(mut table: Fields<'_>) -> StorageSettings {
    let backend = table.choice("backend", &["memory", "sqlite"], |name| match name {
        "memory" => Some(Backend::Memory),
        "sqlite" => Some(Backend::Sqlite),
        _ => None,
    });
    table.require("backend", "write backend = \"memory\" or \"sqlite\"");
    let settings = match backend {
        Some(Backend::Memory) => {
            for key in ["path", "url"] {
                table.refuse(
                    key,
                    "has no effect: the backend is \"memory\"",
                    "remove it, or write backend = \"sqlite\"",
                );
            }
            StorageSettings::Memory
        }
        Some(Backend::Sqlite) => sqlite(&mut table),
        None => {
            table.pass_over(&["path", "url"]);
            StorageSettings::Memory
        }
    };
    table.finish();
    settings
}

#[derive(Clone, Copy)]
enum Backend {
    Memory,
    Sqlite,
}

/// `path`, or a `url` such as `sqlite:data/tidegate.db`.
fn sqlite(table: &mut Fields<'_>) -> StorageSettings {
    let path = table.word("path");
    let url = table.word("url");
    if path.is_some() && url.is_some() {
        table.error("url", "'path' and 'url' are two spellings of one key", "keep one of them");
    }
    let from_url = |url: Word| {
        let path = url.text.strip_prefix("sqlite://").or_else(|| url.text.strip_prefix("sqlite:"));
        if path.is_none_or(|path| path.is_empty() || path.contains('?')) {
            table.error("url", "is no SQLite URL", "write path = \"data/tidegate.db\" instead");
        }
        path.map(PathBuf::from)
    };
    let path = match (path, url) {
        (Some(path), _) => Some(PathBuf::from(path.text)),
        (None, Some(url)) => from_url(url),
        (None, None) => {
            table.error("path", "is missing", "write path = \"data/tidegate.db\"");
            None
        }
    };
    path.map_or(StorageSettings::Memory, |path| StorageSettings::Sqlite { path })
}

/// Where a request goes whose model resolves to nothing else.
fn target(defaults: &mut Fields<'_>, mentions: &mut Mentions) -> Option<Target> {
    let word = defaults.word("target")?;
    match word.text.parse::<Target>() {
        Ok(target) => {
            mention(&target, &word, mentions);
            Some(target)
        }
        Err(error) => {
            defaults.error("target", word.objection(error), "write e.g. target = \"pool:NAME\"");
            None
        }
    }
}

fn mention(target: &Target, word: &Word, mentions: &mut Mentions) {
    match target {
        Target::Wrapper(name) => mentions.add(Kind::Wrapper, name.as_str(), word),
        Target::Pool(name) => mentions.add(Kind::Pool, name.as_str(), word),
        Target::Group { group, tier } => {
            mentions.add_group(group.as_str(), tier.as_ref().map(tidegate_domain::name::TierName::as_str), word);
        }
        Target::Direct(model) => mentions.add(Kind::Provider, model.provider().as_str(), word),
    }
}
