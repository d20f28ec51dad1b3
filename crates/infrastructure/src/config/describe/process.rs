//! `[server]`, `[storage]`, `[observability]`, `[defaults]`, `[registry]` and `[global]`.

use super::{Description, key, or};

pub(super) const KEYS: &[Description] = &[
    key(
        "inherits_from",
        "Files, relative to this one, whose keys hold where this one says nothing. A path, or a list of paths of which the later win.",
    ),
    key("registry", "Which files there are."),
    or(
        "registry.explicit",
        "false",
        "Whether only files that an entry names are read, and none for standing in a directory such as `pools/`.",
    ),
    key("server", "The HTTP servers and their limits. A change takes effect at the next start."),
    or("server.listen", "\"127.0.0.1:8080\"", "Where callers are served."),
    or(
        "server.admin_listen",
        "\"127.0.0.1:8081\"",
        "Where operators are served. Whoever reaches it can see and change everything: keep it private.",
    ),
    or("server.max_body_bytes", "33554432", "The largest request body, in bytes."),
    or("server.max_header_bytes", "65536", "The largest request head, in bytes."),
    or("server.header_timeout", "10", "Seconds until a request's head must be complete."),
    or("server.body_timeout", "30", "Seconds until a request's body must be complete."),
    or(
        "server.stream_keep_alive",
        "15",
        "Seconds of silence after which a stream that has begun says that it is still there; 0 switches it off.",
    ),
    or("server.drain_timeout", "30", "Seconds that requests in flight may go on after a stop."),
    key("storage", "Where definitions that no file holds are kept. A change takes effect at the next start."),
    key(
        "storage.backend",
        "`memory` forgets everything at the end of the process, `sqlite` keeps it in a file. Without `[storage]`, memory.",
    ),
    key("storage.path", "The SQLite file, relative to the working directory."),
    key("storage.url", "An older form of `path`: `sqlite:FILE`."),
    key("observability", "What the gateway tells of itself."),
    key("observability.log", "The log, on standard error. A change takes effect at the next start."),
    or("observability.log.format", "\"json\"", "`json` is one object per line, for machines; `text` is for people."),
    or(
        "observability.log.level",
        "\"info\"",
        "The least important events that are logged. `RUST_LOG` narrows or widens it.",
    ),
    key("observability.requests", "What is kept of requests that are over. A change takes effect at the next start."),
    or("observability.requests.memory", "256", "The most requests in memory. 0 for none."),
    or("observability.requests.store", "true", "Whether the store keeps any. The backend `memory` never does."),
    or(
        "observability.requests.sample",
        "0.01",
        "The share of ordinary requests that the store keeps: those that were answered in full at the first attempt. All others are kept.",
    ),
    or("observability.requests.retention", "604800", "Seconds until a stored request is removed."),
    or("observability.requests.max_stored", "100000", "The most requests in the store. The oldest go first."),
    key("defaults", "What holds wherever nothing else is said."),
    key(
        "defaults.target",
        "Where a request goes whose model resolves to nothing else: `pool:NAME`, `group:NAME`, `group:NAME.TIER`, `wrapper:NAME` or `provider:model`. Without it, the caller gets a 404.",
    ),
    key("global", "How these files themselves are treated."),
    or(
        "global.config_validation",
        "\"strict\"",
        "`strict`: an error anywhere makes the whole unusable. `lenient`: an entry with errors is left out, with a warning.",
    ),
    or(
        "global.enable_hot_reload",
        "true",
        "Whether the files are watched. SIGHUP reloads them either way. A change takes effect at the next start.",
    ),
    or(
        "global.reload_interval",
        "30",
        "Seconds between two looks at the files although the system told of no change. A change takes effect at the next start.",
    ),
];
