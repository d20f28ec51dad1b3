//! How much CPU it takes to load a large configuration and to put it in force:
//! `cargo run --release -p tidegate --example load_time`. Linux only: it reads the time that this thread was on a CPU from the
//! kernel, so that a busy machine does not count.

use std::{fmt::Write as _, fs, io::Write as _, path::Path, sync::Arc};

use anyhow::Context;
use tidegate::{
    Gateway,
    infrastructure::{
        config::{ConfigLocation, Environment, Loaded, TomlConfigSource},
        provider::Providers,
    },
};

/// Files, each with a pool of two instances.
const FILES: usize = 500;
const ROUNDS: u32 = 20;

fn main() -> anyhow::Result<()> {
    let directory = std::env::temp_dir().join(format!("tidegate-load-time-{}", std::process::id()));
    write(&directory)?;
    let measured = measure(&directory);
    fs::remove_dir_all(&directory)?;
    measured
}

fn write(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory.join("pools"))?;
    let root =
        "[providers.openai]\nprotocol = \"openai\"\napi_key = \"${KEY:none}\"\n[defaults.deadlines]\ntotal = 120\n";
    fs::write(directory.join("tidegate.toml"), root)?;
    for number in 0..FILES {
        let mut text = "rotation = \"least_connections\"\n[circuit_breaker]\nfailure_threshold = 4\n".to_owned();
        for member in 0..2 {
            write!(
                text,
                "[[instances]]\nid = \"i{member}\"\nmodel = \"openai:model-{number}\"\nweight = {}\n",
                member + 1
            )?;
        }
        fs::write(directory.join(format!("pools/pool-{number}.toml")), text)?;
    }
    Ok(())
}

fn measure(directory: &Path) -> anyhow::Result<()> {
    let location = ConfigLocation { path: directory.to_owned(), environment: None };
    let source = TomlConfigSource::new(location, Environment::default());
    let Loaded { configuration, settings, .. } = source.load_all().map_err(anyhow::Error::new)?;
    let instances: usize = configuration.pools.iter().map(|pool| pool.value.members().len()).sum();
    let start = on_cpu()?;
    for _ in 0..ROUNDS {
        source.load_all().map_err(anyhow::Error::new)?;
    }
    let load = (on_cpu()? - start) / f64::from(ROUNDS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (swap, footprint) = runtime.block_on(async {
        let providers = Providers::new(settings.providers.clone())?;
        let builder = Gateway::builder().configuration(configuration.clone()).providers(settings.providers.clone());
        let gateway = builder.build().await?;
        let start = on_cpu()?;
        for _ in 0..ROUNDS {
            gateway.catalog().replace(configuration.clone(), Arc::new(providers.clone())).await?;
        }
        let swap = (on_cpu()? - start) / f64::from(ROUNDS);
        let footprint = source.attempt().footprint;
        let start = on_cpu()?;
        anyhow::ensure!(footprint.is_current(), "nobody changed the files");
        Ok::<_, anyhow::Error>((swap, on_cpu()? - start))
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{instances} instances in {FILES} files, CPU in milliseconds, mean of {ROUNDS}")?;
    writeln!(out, "read, check and convert     {load:8.2}")?;
    writeln!(out, "compile and swap            {swap:8.2}")?;
    writeln!(out, "see that nothing changed    {footprint:8.2}")?;
    Ok(())
}

/// Milliseconds that this thread was on a CPU.
fn on_cpu() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("this measures on Linux only")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1_000_000.0)
}
