//! What the files say about the process itself, as opposed to what it routes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::provider::ProviderSettings;

/// Everything that the composition root needs to build adapters.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The HTTP servers.
    pub server: ServerSettings,
    /// Where the definitions that no file holds are kept.
    pub storage: StorageSettings,
    /// The upstreams.
    pub providers: Vec<ProviderSettings>,
    /// The log.
    pub log: LogSettings,
    /// What is kept of requests that are over.
    pub requests: RequestLogSettings,
    /// How changes of the files are noticed.
    pub reload: ReloadSettings,
}

impl Settings {
    /// The keys that differ from those of a running process and take effect at its next start only. Providers are not among
    /// them: they change while it runs.
    pub fn deferred_from(&self, running: &Self) -> Vec<String> {
        let Self { server, storage, providers: _, log, requests, reload } = self;
        let mut keys = server.differing_from(&running.server);
        let others = [
            ("storage", *storage != running.storage),
            ("observability.log", *log != running.log),
            ("observability.requests", *requests != running.requests),
            ("global.enable_hot_reload", reload.is_enabled != running.reload.is_enabled),
            ("global.reload_interval", reload.interval != running.reload.interval),
        ];
        keys.extend(others.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key));
        keys.into_iter().map(str::to_owned).collect()
    }
}

/// How changes of the files are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadSettings {
    /// Whether the files are watched; a signal reloads them either way.
    pub is_enabled: bool,
    /// How often to look although the system tells of no change.
    pub interval: Duration,
}

impl Default for ReloadSettings {
    fn default() -> Self {
        Self { is_enabled: true, interval: Duration::from_secs(30) }
    }
}

/// The HTTP servers and their limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where callers are served.
    pub listen: SocketAddr,
    /// Where operators are served.
    pub admin_listen: SocketAddr,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The largest request head, in bytes.
    pub max_header_bytes: usize,
    /// Until a request's head is complete.
    pub header_timeout: Duration,
    /// Until a request's body is complete.
    pub body_timeout: Duration,
    /// After how much silence a stream says that it is still there; never if absent.
    pub stream_keep_alive: Option<Duration>,
    /// How long requests in flight may go on after the server was told to stop.
    pub drain_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            admin_listen: (Ipv4Addr::LOCALHOST, 8081).into(),
            max_body_bytes: 32 * 1024 * 1024,
            max_header_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stream_keep_alive: Some(Duration::from_secs(15)),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl ServerSettings {
    fn differing_from(&self, running: &Self) -> Vec<&'static str> {
        let Self {
            listen,
            admin_listen,
            max_body_bytes,
            max_header_bytes,
            header_timeout,
            body_timeout,
            stream_keep_alive,
            drain_timeout,
        } = self;
        let keys = [
            ("server.listen", *listen != running.listen),
            ("server.admin_listen", *admin_listen != running.admin_listen),
            ("server.max_body_bytes", *max_body_bytes != running.max_body_bytes),
            ("server.max_header_bytes", *max_header_bytes != running.max_header_bytes),
            ("server.header_timeout", *header_timeout != running.header_timeout),
            ("server.body_timeout", *body_timeout != running.body_timeout),
            ("server.stream_keep_alive", *stream_keep_alive != running.stream_keep_alive),
            ("server.drain_timeout", *drain_timeout != running.drain_timeout),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

/// Where the definitions that no file holds are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StorageSettings {
    /// In this process, until it ends.
    #[default]
    Memory,
    /// In a SQLite file.
    Sqlite {
        /// The file; relative to the working directory.
        path: PathBuf,
    },
}

/// What is kept of requests that are over, where and how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestLogSettings {
    /// The most requests in memory.
    pub memory: usize,
    /// Whether the store keeps any; in memory there is none.
    pub store: bool,
    /// The share of ordinary requests that the store keeps, from 0 to 1.
    pub sample: f64,
    /// How long the store keeps a request.
    pub retention: Duration,
    /// The most requests in the store.
    pub max_stored: u64,
}

impl Default for RequestLogSettings {
    fn default() -> Self {
        let retention = Duration::from_hours(7 * 24);
        Self { memory: 256, store: true, sample: 0.01, retention, max_stored: 100_000 }
    }
}

/// The log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogSettings {
    /// How a line looks.
    pub format: LogFormat,
    /// The least important events that are logged.
    pub level: LogLevel,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// For people.
    Text,
}

/// How important an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something will fail if nobody looks.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word that log filters understand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
