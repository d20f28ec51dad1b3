//! The configuration as TOML files: one file or a directory, with inheritance, an overlay per environment and variables.
//!
//! Loading goes in stages, each a module: `layout` parses the files (inheritance included) and merges them into tables
//! whose every value knows its place; `interpolate` fills in variables and secret files; `section` reads the tables into
//! domain values, `references` and `cycles` check what concerns several of them. No stage stops at the first problem: a
//! report holds all of them, each with its place and a way out, and none with a secret. `footprint` remembers what was looked
//! at, `watch` notices when that changes, `reload` loads it again.
//!
//! A key is accepted only if it does something: one for a feature that does not exist is unknown.

mod compile;
mod cycles;
mod describe;
mod documents;
mod effective;
mod entry_file;
mod environment;
mod fields;
mod file;
mod findings;
mod footprint;
mod format;
mod interpolate;
mod journal;
mod keys;
mod kind;
mod layout;
mod ranges;
mod redaction;
mod reference;
mod references;
mod reload;
mod restore;
mod schema;
mod section;
mod settings;
mod source;
mod suggest;
mod tree;
mod watch;
mod word;

use std::path::PathBuf;

use async_trait::async_trait;
use tidegate_domain::config::{ConfigSource, Configuration, Problem, Report};

pub use describe::{DefaultValue, idle_descriptions};
pub use documents::Documents;
pub use effective::{EffectiveValue, ValueOrigin};
pub use environment::Environment;
pub use footprint::Footprint;
pub use format::{FormatError, format};
pub use journal::Form;
pub use keys::{Condition, Key, keys};
pub use ranges::Bounds;
pub use reference::reference;
pub use reload::TomlReloadSource;
pub use restore::{replace_file, restore};
pub use schema::schema;
pub use settings::{
    LogFormat, LogLevel, LogSettings, ReloadSettings, RequestLogSettings, ServerSettings, Settings, StorageSettings,
};
pub use suggest::did_you_mean;
pub use watch::{ConfigWatcher, WatchOptions};

/// Where the files are.
#[derive(Debug, Clone)]
pub struct ConfigLocation {
    /// A file, or a directory with a `tidegate.toml`.
    pub path: PathBuf,
    /// The overlay below `environments/` to lay over it.
    pub environment: Option<String>,
}

/// A configuration and everything else that its files say.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is routed where.
    pub configuration: Configuration,
    /// What the process itself needs.
    pub settings: Settings,
    /// What does not keep it from running.
    pub warnings: Vec<Problem>,
    /// Every file that was read.
    pub files: Vec<PathBuf>,
    /// What they say, for the history.
    pub documents: Documents,
}

/// What came of reading the files, and what that looked at.
#[derive(Debug)]
pub struct Attempt {
    /// Where a change of any of it would show.
    pub footprint: Footprint,
    /// What the files say, or every problem at once.
    pub outcome: Result<Loaded, Report>,
}

/// TOML files as a [`ConfigSource`].
#[derive(Debug, Clone)]
pub struct TomlConfigSource {
    location: ConfigLocation,
    environment: Environment,
}

impl TomlConfigSource {
    /// The files at `location`, with variables from `environment`.
    pub fn new(location: ConfigLocation, environment: Environment) -> Self {
        Self { location, environment }
    }

    /// Reads everything that the files say. It blocks on the file system.
    ///
    /// # Errors
    /// A [`Report`] with every problem at once; it holds no secret.
    pub fn load_all(&self) -> Result<Loaded, Report> {
        self.attempt().outcome
    }

    /// As [`TomlConfigSource::load_all`], with what it looked at even if it fails.
    pub fn attempt(&self) -> Attempt {
        let mut findings = findings::Findings::default();
        let layout = layout::read(&self.location, &mut findings);
        compile::compile(layout, &self.environment, findings)
    }

    /// As [`TomlConfigSource::load_all`], with the value of every key and where it is from, sorted by key.
    ///
    /// # Errors
    /// As [`TomlConfigSource::load_all`].
    pub fn load_values(&self) -> Result<(Loaded, Vec<EffectiveValue>), Report> {
        let journal = journal::Journal::Keep(std::cell::RefCell::default());
        let mut findings = findings::Findings::with_journal(journal);
        let layout = layout::read(&self.location, &mut findings);
        compile::compile_and_keep(layout, &self.environment, findings)
    }

    /// The directory of the root file.
    fn home(&self) -> PathBuf {
        let ConfigLocation { path, .. } = &self.location;
        if path.is_dir() { path.clone() } else { path.parent().map(PathBuf::from).unwrap_or_default() }
    }

    /// Where definitions and history are kept, even if something else in the files is wrong.
    pub fn storage(&self) -> Option<StorageSettings> {
        let mut findings = findings::Findings::default();
        compile::storage(&layout::read(&self.location, &mut findings)?, &self.environment, &findings)
    }

    /// Reads what the process itself needs. It blocks on the file system.
    ///
    /// # Errors
    /// As [`TomlConfigSource::load_all`].
    pub fn load_settings(&self) -> Result<Settings, Report> {
        self.load_all().map(|loaded| loaded.settings)
    }
}

#[async_trait]
impl ConfigSource for TomlConfigSource {
    async fn load(&self) -> Result<Configuration, Report> {
        let source = self.clone();
        let loaded = tokio::task::spawn_blocking(move || source.load_all()).await;
        loaded.map_err(|_| compile::interrupted())?.map(|loaded| loaded.configuration)
    }
}
