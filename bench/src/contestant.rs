//! Who is measured: how each is configured and started. All forward to the same two instances, keep connections alive on both sides, and
//! log no request.

mod gateways;
mod proxies;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use gateways::{Layout, installed};
use tidegate_bench::exchange::Protocol;

use crate::{
    process::{Affinity, Process},
    table::TRANSLATED,
};

/// A proxy under measurement.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// Its name in tables.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// It, unless the upstream itself is asked. Two contestants may be two ways to ask one process.
    pub process: Option<Arc<Process>>,
    /// In which protocol it is asked.
    pub protocol: Protocol,
}

/// The addresses of the two instances.
pub type Instances = [SocketAddr; 2];

/// What a proxy is started with.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Its own directory.
    pub directory: &'a Path,
    /// Its cores.
    pub cores: &'a Affinity,
    /// Where to listen; the next port is free too.
    pub address: SocketAddr,
    /// Where to forward to.
    pub instances: Instances,
}

impl Contestant {
    /// The upstream, asked without anybody in between.
    pub fn direct(instances: Instances) -> Self {
        Self { name: "direct".to_owned(), address: instances[0], process: None, protocol: Protocol::Chat }
    }

    /// The same process, asked in the words of another provider than its upstream's.
    pub fn translated(&self) -> Self {
        Self { name: self.name.clone() + TRANSLATED, protocol: Protocol::Messages, ..self.clone() }
    }
}

impl Setting<'_> {
    /// Writes the configuration and starts what reads it.
    pub fn start(
        &self,
        name: &str,
        config: &str,
        command: impl FnOnce(String) -> Vec<String>,
    ) -> anyhow::Result<Contestant> {
        let file: PathBuf = self.directory.join(format!("{name}.config"));
        fs::write(&file, config)?;
        let log = self.directory.join(format!("{name}.log"));
        let command = command(file.display().to_string());
        let process = Process::start(self.cores, &command, (&log, self.address))?;
        let process = Some(Arc::new(process));
        Ok(Contestant { name: name.to_owned(), address: self.address, process, protocol: Protocol::Chat })
    }
}
