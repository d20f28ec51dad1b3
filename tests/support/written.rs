//! A source of configurations that a test writes into, in place of files.

use std::sync::{Arc, Mutex, MutexGuard};

use tidegate_domain::config::{Configuration, Problem, ReloadSource, Report, Successor};

use crate::scripted::Scripts;

/// What the next load finds; nothing at first. Clones share it.
#[derive(Clone)]
pub struct Written(Arc<Mutex<Page>>);

struct Page {
    says: Result<Configuration, Report>,
    scripts: Scripts,
    loads: usize,
}

impl Written {
    pub(crate) fn new(scripts: Scripts) -> Self {
        Self(Arc::new(Mutex::new(Page { says: Ok(Configuration::default()), scripts, loads: 0 })))
    }

    /// Writes a configuration.
    pub fn write(&self, configuration: Configuration) {
        self.page().says = Ok(configuration);
    }

    /// Writes what cannot be used.
    pub fn scribble(&self) {
        self.page().says = Err(Problem::error("pools.p", "is no pool").into());
    }

    /// Says that models are asked otherwise.
    pub fn provider(&self, scripts: Scripts) {
        self.page().scripts = scripts;
    }

    /// How often it was read.
    pub fn loads(&self) -> usize {
        self.page().loads
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.0.lock().unwrap()
    }
}

impl ReloadSource for Written {
    type Factory = Scripts;

    async fn load(&self, _: &Scripts) -> Result<Successor<Scripts>, Report> {
        let (says, factory) = {
            let mut page = self.page();
            page.loads += 1;
            (page.says.clone(), page.scripts.clone())
        };
        // Reading takes its time: others come in between, and may write something else.
        tokio::task::yield_now().await;
        says.map(|configuration| Successor { configuration, factory, documents: Vec::new(), deferred: Vec::new() })
    }
}
