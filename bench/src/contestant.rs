//! Who is measured: how each is configured and started. All forward to the same two instances, keep connections alive on both sides, and
//! log no request.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::process::Process;

/// A proxy under measurement.
#[derive(Debug)]
pub struct Contestant {
    /// Its name in tables.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// It, unless the upstream itself is asked.
    pub process: Option<Process>,
}

/// The addresses of the two instances.
pub type Instances = [SocketAddr; 2];

/// What a proxy is started with.
pub struct Setting<'a> {
    /// Its own directory.
    pub directory: &'a Path,
    /// Its core.
    pub core: usize,
    /// Where to listen; the next port is free too.
    pub address: SocketAddr,
    /// Where to forward to.
    pub instances: Instances,
}

impl Contestant {
    /// The upstream, asked without anybody in between.
    pub fn direct(instances: Instances) -> Self {
        Self { name: "direct".to_owned(), address: instances[0], process: None }
    }

    /// nginx, unbuffered, as it must be for streams.
    pub fn nginx(setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { directory, address, instances: [a, b], .. } = setting;
        let path = directory.display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/error.log;\n\
             events {{ worker_connections 8192; }}\n\
             http {{\n\
               access_log off; client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
               uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi; keepalive_requests 100000000; keepalive_timeout 75s;\n\
               upstream instances {{ server {a}; server {b}; keepalive 256; keepalive_requests 100000000; }}\n\
               server {{\n\
                 listen {address} backlog=1024; tcp_nodelay on; client_max_body_size 32m;\n\
                 location / {{ proxy_pass http://instances; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }}\n\
               }}\n\
             }}\n"
        );
        setting.start("nginx", &config, |file| vec!["nginx".to_owned(), "-c".to_owned(), file])
    }

    /// haproxy.
    pub fn haproxy(setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { address, instances: [a, b], .. } = setting;
        let config = format!(
            "global\n  nbthread 1\n  maxconn 8192\n\
             defaults\n  mode http\n  timeout connect 5s\n  timeout client 75s\n  timeout server 75s\n  option http-no-delay\n  http-reuse always\n\
             frontend callers\n  bind {address}\n  default_backend instances\n\
             backend instances\n  balance roundrobin\n  server a {a}\n  server b {b}\n"
        );
        setting.start("haproxy", &config, |file| vec!["haproxy".to_owned(), "-db".to_owned(), "-f".to_owned(), file])
    }

    /// The gateway, with everything on that is on by default.
    pub fn gateway(name: &str, binary: &Path, setting: &Setting<'_>) -> anyhow::Result<Self> {
        let binary = binary.display().to_string();
        setting.start(name, &gateway_config(setting, 2), |file| {
            vec![binary, "serve".to_owned(), "--config".to_owned(), file]
        })
    }
}

/// A gateway's configuration with one pool of `count` instances, spread over the two.
pub fn gateway_config(Setting { directory, address, instances: [a, b], .. }: &Setting<'_>, count: usize) -> String {
    let mut admin = *address;
    admin.set_port(address.port() + 1);
    let path = directory.display();
    let mut config = format!(
        "[server]\nlisten = \"{address}\"\nadmin_listen = \"{admin}\"\n\n\
         [storage]\nbackend = \"sqlite\"\npath = \"{path}/gateway.db\"\n\n\
         [providers.a]\nprotocol = \"openai\"\nbase_url = \"http://{a}/v1\"\napi_key = \"sk-bench\"\n\n\
         [providers.b]\nprotocol = \"openai\"\nbase_url = \"http://{b}/v1\"\napi_key = \"sk-bench\"\n\n\
         [limits]\nmax_concurrency = 20000\nqueue_size = 1024\nmax_wait = 10\n\n\
         [pools.fast]\nrotation = \"round_robin\"\n"
    );
    for at in 0..count {
        let provider = if at % 2 == 0 { "a" } else { "b" };
        // A string takes whatever is written to it.
        let _ = write!(config, "\n[[pools.fast.instances]]\nid = \"i{at}\"\nmodel = \"{provider}:mock\"\n");
    }
    config
}

impl Setting<'_> {
    /// Writes the configuration and starts what reads it.
    pub fn start(
        &self,
        name: &str,
        config: &str,
        command: impl FnOnce(String) -> Vec<String>,
    ) -> anyhow::Result<Contestant> {
        let file: PathBuf = self.directory.join(format!("{name}.toml"));
        fs::write(&file, config)?;
        let log = self.directory.join(format!("{name}.log"));
        let command = command(file.display().to_string());
        let process = Process::start(self.core, &command, &log, self.address)?;
        Ok(Contestant { name: name.to_owned(), address: self.address, process: Some(process) })
    }
}
