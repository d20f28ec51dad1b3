//! The scenario file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

/// The longest simulated time, in seconds: a week.
const LONGEST: f64 = 604_800.0;
/// The most requests that a scenario may come to.
const MOST_REQUESTS: f64 = 2_000_000.0;

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it is about.
    pub description: String,
    /// The configuration, relative to the working directory or absolute.
    pub config: PathBuf,
    /// The overlay to lay over it.
    pub environment: Option<String>,
    /// Variables for the configuration; those of the process count too.
    pub variables: BTreeMap<String, String>,
    /// How long requests arrive.
    pub duration: Duration,
    /// What every choice is drawn from.
    pub seed: u64,
    /// Who asks.
    pub traffic: Vec<Traffic>,
    /// How upstreams behave, by `*`, provider, model or instance id.
    pub upstreams: BTreeMap<String, Behaviour>,
    /// What fails when.
    pub outages: Vec<Outage>,
}

/// Requests that arrive at random, so many in a second on average.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// The model that they name.
    pub model: String,
    /// Requests per second.
    pub rate: f64,
    /// When they begin.
    pub from: Duration,
    /// When they end.
    pub until: Duration,
    /// Tokens of a prompt.
    pub prompt_tokens: u32,
    /// Tokens of an answer.
    pub answer_tokens: u32,
    /// Whether they ask for streams.
    pub stream: bool,
}

/// How an upstream behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behaviour {
    /// The median time to an answer, or to the first content of a stream.
    pub latency: Duration,
    /// How far latencies lie apart: two thirds of them within a factor of `1 + spread` about the median.
    pub spread: f64,
    /// The share of requests that fail, from 0 to 1.
    pub failure_rate: f64,
    /// How they fail.
    pub failure: Failure,
    /// How fast a stream goes on after its first content.
    pub tokens_per_second: f64,
    /// The share of streams that break off halfway, from 0 to 1.
    pub cut_rate: f64,
}

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An error answer with this status.
    Status(u16),
    /// No answer, ever.
    Hang,
}

/// A time in which an upstream behaves otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Outage {
    /// `*`, a provider, a model or an instance id.
    pub upstream: String,
    /// When it begins.
    pub from: Duration,
    /// When it is over.
    pub until: Duration,
    /// What is different meanwhile.
    pub behaviour: Behaviour,
}

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the scenario {} cannot be used: {problem}", path.display())]
pub struct ReadScenarioError {
    path: PathBuf,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioToml {
    #[serde(default)]
    description: String,
    config: PathBuf,
    environment: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    seconds: f64,
    #[serde(default)]
    seed: u64,
    traffic: Vec<TrafficToml>,
    #[serde(default)]
    upstreams: BTreeMap<String, BehaviourToml>,
    #[serde(default)]
    outages: Vec<OutageToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficToml {
    model: String,
    requests_per_second: f64,
    #[serde(default)]
    from: f64,
    until: Option<f64>,
    prompt_tokens: Option<u32>,
    answer_tokens: Option<u32>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct BehaviourToml {
    latency: Option<f64>,
    spread: Option<f64>,
    failure_rate: Option<f64>,
    failure: Option<FailureToml>,
    tokens_per_second: Option<f64>,
    cut_rate: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutageToml {
    upstream: String,
    from: f64,
    until: f64,
    latency: Option<f64>,
    spread: Option<f64>,
    failure_rate: Option<f64>,
    failure: Option<FailureToml>,
    tokens_per_second: Option<f64>,
    cut_rate: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FailureToml {
    Status(u16),
    Word(String),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Duration::from_secs(1),
            spread: 0.3,
            failure_rate: 0.0,
            failure: Failure::Status(503),
            tokens_per_second: 60.0,
            cut_rate: 0.0,
        }
    }
}

impl Scenario {
    /// Reads a scenario. A relative `config` in it starts at its own directory.
    ///
    /// # Errors
    /// [`ReadScenarioError`] says what is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, ReadScenarioError> {
        let failed = |problem: String| ReadScenarioError { path: path.to_owned(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let read: ScenarioToml =
            toml::from_str(&text).map_err(|error| failed(error.to_string().trim_end().to_owned()))?;
        let home = path.parent().unwrap_or(Path::new(""));
        convert(read, home).map_err(failed)
    }
}

fn convert(read: ScenarioToml, home: &Path) -> Result<Scenario, String> {
    let ScenarioToml { description, config, environment, variables, seconds, seed, traffic, upstreams, outages } = read;
    let duration = within("seconds", seconds, (0.001, LONGEST)).map(Duration::from_secs_f64)?;
    let traffic = traffic.into_iter().map(|traffic| of_traffic(traffic, duration)).collect::<Result<Vec<_>, _>>()?;
    let expected: f64 = traffic.iter().map(|it| it.rate * it.until.saturating_sub(it.from).as_secs_f64()).sum();
    if expected > MOST_REQUESTS {
        return Err(format!(
            "it comes to {expected:.0} requests, more than {MOST_REQUESTS:.0}; shorten it or ask less often"
        ));
    }
    let of_upstream = |(name, behaviour)| Ok((name, of_behaviour(behaviour, Behaviour::default())?));
    let upstreams: BTreeMap<String, Behaviour> =
        upstreams.into_iter().map(of_upstream).collect::<Result<_, String>>()?;
    let outages = outages.into_iter().map(|outage| of_outage(outage, &upstreams)).collect::<Result<_, _>>()?;
    let config = home.join(config);
    Ok(Scenario { description, config, environment, variables, duration, seed, traffic, upstreams, outages })
}

fn of_traffic(read: TrafficToml, duration: Duration) -> Result<Traffic, String> {
    let TrafficToml { model, requests_per_second, from, until, prompt_tokens, answer_tokens, stream } = read;
    let until = until.map(|until| moment("traffic.until", until)).transpose()?.unwrap_or(duration).min(duration);
    Ok(Traffic {
        model,
        rate: within("requests_per_second", requests_per_second, (0.000_001, 100_000.0))?,
        from: moment("traffic.from", from)?,
        until,
        prompt_tokens: prompt_tokens.unwrap_or(500).min(1_000_000),
        answer_tokens: answer_tokens.unwrap_or(200).min(1_000_000),
        stream,
    })
}

fn of_behaviour(read: BehaviourToml, base: Behaviour) -> Result<Behaviour, String> {
    let BehaviourToml { latency, spread, failure_rate, failure, tokens_per_second, cut_rate } = read;
    let or = |key, number: Option<f64>, base, bounds| number.map_or(Ok(base), |number| within(key, number, bounds));
    Ok(Behaviour {
        latency: latency.map_or(Ok(base.latency), |latency| moment("latency", latency))?,
        spread: or("spread", spread, base.spread, (0.0, 10.0))?,
        failure_rate: or("failure_rate", failure_rate, base.failure_rate, (0.0, 1.0))?,
        failure: failure.map_or(Ok(base.failure), of_failure)?,
        tokens_per_second: or("tokens_per_second", tokens_per_second, base.tokens_per_second, (0.1, 1_000_000.0))?,
        cut_rate: or("cut_rate", cut_rate, base.cut_rate, (0.0, 1.0))?,
    })
}

/// An outage is what the upstream does otherwise. Everything fails, unless it says something else: how many fail, how slow it is, or how
/// many streams break off.
fn of_outage(read: OutageToml, upstreams: &BTreeMap<String, Behaviour>) -> Result<Outage, String> {
    let OutageToml { upstream, from, until, latency, spread, failure_rate, failure, tokens_per_second, cut_rate } =
        read;
    let usual = upstreams.get(&upstream).or_else(|| upstreams.get("*")).copied().unwrap_or_default();
    let says_otherwise = latency.is_some() || tokens_per_second.is_some() || cut_rate.is_some();
    let fails = failure.is_some() || !says_otherwise;
    let failure_rate = failure_rate.or(fails.then_some(1.0));
    let read = BehaviourToml { latency, spread, failure_rate, failure, tokens_per_second, cut_rate };
    let behaviour = of_behaviour(read, usual)?;
    Ok(Outage { upstream, from: moment("outages.from", from)?, until: moment("outages.until", until)?, behaviour })
}

fn of_failure(read: FailureToml) -> Result<Failure, String> {
    match read {
        FailureToml::Status(status @ 400..=599) => Ok(Failure::Status(status)),
        FailureToml::Word(word) if word == "hang" => Ok(Failure::Hang),
        FailureToml::Status(_) | FailureToml::Word(_) => {
            Err("'failure' is an HTTP status from 400 to 599, or \"hang\"".to_owned())
        }
    }
}

fn moment(key: &str, seconds: f64) -> Result<Duration, String> {
    within(key, seconds, (0.0, LONGEST)).map(Duration::from_secs_f64)
}

fn within(key: &str, number: f64, (min, max): (f64, f64)) -> Result<f64, String> {
    if (min..=max).contains(&number) { Ok(number) } else { Err(format!("'{key}' must be from {min} to {max}")) }
}
