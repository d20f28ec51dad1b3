//! Gateways for models: ours, and those of others, where they are installed.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{Contestant, Setting};

/// How much a gateway of ours is configured with.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Pools, of which the first one is asked.
    pub pools: usize,
    /// Instances of each, spread over the two upstreams.
    pub instances: usize,
    /// The rotation of each.
    pub rotation: &'static str,
    /// Further lines, for each pool.
    pub policy: &'static str,
}

impl Default for Layout {
    fn default() -> Self {
        Self { pools: 1, instances: 2, rotation: "round_robin", policy: "" }
    }
}

impl Contestant {
    /// The gateway, with everything on that is on by default.
    pub fn gateway(name: &str, (binary, layout): (&Path, Layout), setting: &Setting<'_>) -> anyhow::Result<Self> {
        let binary = binary.display().to_string();
        setting.start(name, &gateway_config(setting, layout), |file| {
            vec![binary, "serve".to_owned(), "--config".to_owned(), file]
        })
    }

    /// onwards.
    pub fn onwards(binary: &Path, setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { address, instances: [a, b], .. } = setting;
        let provider = |at| format!(r#"{{"url":"http://{at}","onwards_key":"sk-bench","onwards_model":"mock"}}"#);
        let pool = r#""http_pool":{"max_idle_per_host":256,"idle_timeout_secs":90}"#;
        let config = format!(r#"{{"targets":{{"fast":{{"providers":[{},{}]}}}},{pool}}}"#, provider(a), provider(b));
        let (binary, port) = (binary.display(), address.port());
        let options = format!("-p {port} --metrics-port {}", port + 1);
        setting.start("onwards", &config, |file| {
            format!("{binary} -f {file} {options}").split(' ').map(str::to_owned).collect()
        })
    }

    /// sglang's router.
    pub fn sglang_router(binary: &Path, setting: &Setting<'_>) -> anyhow::Result<Self> {
        let Setting { address, instances, .. } = setting;
        let (binary, port, [a, b]) = (binary.display(), address.port(), instances);
        let options = format!("--prometheus-port {} --policy round_robin --log-level error", port + 1);
        let command =
            format!("{binary} launch --worker-urls http://{a} http://{b} --host 127.0.0.1 --port {port} {options}");
        setting.start("sglang-router", "", |_| command.split(' ').map(str::to_owned).collect())
    }
}

/// Where a program is installed: as was said, or on the path.
pub fn installed(name: &str, said: Option<&PathBuf>) -> Option<PathBuf> {
    let on_path =
        || std::env::split_paths(&std::env::var_os("PATH")?).map(|path| path.join(name)).find(|it| it.is_file());
    said.cloned().or_else(on_path)
}

/// A gateway's configuration of that layout.
fn gateway_config(setting: &Setting<'_>, layout: Layout) -> String {
    let Setting { directory, address, instances: [a, b], .. } = setting;
    let mut admin = *address;
    admin.set_port(address.port() + 1);
    let path = directory.display();
    let mut config = format!(
        "[server]\nlisten = \"{address}\"\nadmin_listen = \"{admin}\"\n\n\
         [storage]\nbackend = \"sqlite\"\npath = \"{path}/gateway.db\"\n\n\
         [providers.a]\nprotocol = \"openai\"\nbase_url = \"http://{a}/v1\"\napi_key = \"sk-bench\"\n\n\
         [providers.b]\nprotocol = \"openai\"\nbase_url = \"http://{b}/v1\"\napi_key = \"sk-bench\"\n\n\
         [limits]\nmax_concurrency = 20000\nqueue_size = 1024\nmax_wait = 10\n"
    );
    for pool in 0..layout.pools {
        write_pool(&mut config, &pool_name(pool), layout);
    }
    config
}

fn pool_name(at: usize) -> String {
    if at == 0 { "fast".to_owned() } else { format!("pool-{at}") }
}

fn write_pool(config: &mut String, name: &str, Layout { instances, rotation, policy, .. }: Layout) {
    // A string takes whatever is written to it.
    let _ = write!(config, "\n[pools.{name}]\nrotation = \"{rotation}\"\n{policy}");
    for at in 0..instances {
        let provider = if at % 2 == 0 { "a" } else { "b" };
        let _ = write!(config, "\n[[pools.{name}.instances]]\nid = \"i{at}\"\nmodel = \"{provider}:mock\"\n");
    }
}
