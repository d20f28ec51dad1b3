//! How much CPU it takes to load a large configuration and to put it in force:
//! `cargo run --release -p tidegate --example load_time`. Linux only: it reads the time that this thread was on a CPU from the
//! kernel, so that a busy machine does not count. The swap alone is too short for that account: it is the median by the clock.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use tidegate::{
    Gateway,
    infrastructure::{
        config::{ConfigLocation, Environment, Loaded, TomlConfigSource},
        provider::Providers,
    },
};

use tracing::span;
use tracing_subscriber::{Layer, layer::Context as OfSpan, prelude::*};

/// Files, each with a pool of two instances.
const FILES: usize = 500;
const ROUNDS: u32 = 20;

/// How long the engine was in its span `swap`, each time.
#[derive(Clone, Default)]
struct Swaps(Arc<Mutex<(Option<Instant>, Vec<Duration>)>>);

#[expect(clippy::disallowed_methods, reason = "it measures")]
impl<S: tracing::Subscriber> Layer<S> for Swaps {
    fn on_enter(&self, _: &span::Id, _: OfSpan<'_, S>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(Instant::now());
    }

    fn on_exit(&self, _: &span::Id, _: OfSpan<'_, S>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = seen.0.take().map(|entered| entered.elapsed());
        seen.1.extend(took);
    }
}

impl Swaps {
    /// In milliseconds.
    fn median(&self) -> f64 {
        let mut took = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        took.sort_unstable();
        took.get(took.len() / 2).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }
}

fn main() -> anyhow::Result<()> {
    let directory = std::env::temp_dir().join(format!("tidegate-load-time-{}", std::process::id()));
    write(&directory)?;
    let swaps = Swaps::default();
    let filter = tracing_subscriber::filter::filter_fn(|metadata| metadata.is_span() && metadata.name() == "swap");
    tracing_subscriber::registry().with(swaps.clone().with_filter(filter)).try_init()?;
    let measured = measure(&directory, &swaps);
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

fn measure(directory: &Path, swaps: &Swaps) -> anyhow::Result<()> {
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
    writeln!(out, "{instances} instances in {FILES} files, milliseconds, mean of {ROUNDS}")?;
    writeln!(out, "read, check and convert     {load:8.2}")?;
    writeln!(out, "compile and swap            {swap:8.2}")?;
    writeln!(out, "of that, the swap alone     {:8.2}", swaps.median())?;
    writeln!(out, "see that nothing changed    {footprint:8.2}")?;
    Ok(())
}

/// Milliseconds that this thread was on a CPU.
fn on_cpu() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("this measures on Linux only")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1_000_000.0)
}
