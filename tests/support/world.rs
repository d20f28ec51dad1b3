//! A composed engine over scripted models, with the words of the domain for verbs.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_application::{
    Answer, Catalog, CatalogParts, Completion, CompletionError, CompletionStream, HealthChecks, HealthService,
    OrchestrationService, PoolService, ReloadService, RequestContext, RequestLog, Routes, TargetStatistics,
    TaskGroupService, WrapperService,
};
use tidegate_domain::{
    admission::Limits,
    config::{Configuration, Declared},
    fault::Fault,
    inference::{InferenceRequest, ParameterDefaults, RequestId, Usage},
    model::{Cost, ModelCard},
    name::{GroupName, InstanceId, PoolName, TierName, WrapperName},
    observe::{Event, Observer, Outcome},
    pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
    resilience::Deadlines,
    task_group::{FallbackPolicy, TaskGroup, Tier, TierModel, TierPolicy},
    wrapper::Wrapper,
};
use tidegate_infrastructure::{
    clock::TokioClock,
    persistence::{InMemoryPoolRepository, InMemoryTaskGroupRepository},
    telemetry::Observers,
};

use crate::{
    scripted::{ScriptedClient, ScriptedStream, Scripts},
    written::Written,
};

/// A composed engine over scripted models.
pub struct World {
    /// What each model does.
    pub scripts: Scripts,
    /// What happened.
    pub diary: Diary,
    /// The engine's services.
    pub catalog: Arc<Catalog<ScriptedClient>>,
    pub pools: PoolService<ScriptedClient>,
    pub groups: TaskGroupService<ScriptedClient>,
    pub wrappers: WrapperService<ScriptedClient>,
    pub health: HealthService<ScriptedClient>,
    pub checks: HealthChecks<ScriptedClient>,
    /// What became of requests, by target.
    pub statistics: Arc<TargetStatistics>,
    pub orchestration: OrchestrationService<ScriptedClient>,
    pub stored_pools: InMemoryPoolRepository,
    /// What the next reload finds.
    pub written: Written,
    pub reloads: ReloadService<Written>,
}

/// What a world is made of before it starts.
#[derive(Default)]
pub struct Plan {
    configuration: Configuration,
    requests: Arc<RequestLog>,
}

impl Plan {
    /// A pool of instances named like their models, all at the provider `sim`.
    pub fn pool(self, name: &str, models: &[&str]) -> Self {
        self.pool_with(name, models, PoolPolicy::default())
    }

    /// The same under a policy.
    pub fn pool_with(mut self, name: &str, models: &[&str], policy: PoolPolicy) -> Self {
        self.configuration.pools.push(declared(pool(name, models, policy)));
        self
    }

    /// A task group whose tiers are named `tier1`, `tier2`, ...; a model is `provider:model` or `pool:name`.
    pub fn group(self, name: &str, tiers: &[&[&str]]) -> Self {
        self.group_with(name, tiers, FallbackPolicy::default())
    }

    /// The same with a fallback policy.
    pub fn group_with(mut self, name: &str, tiers: &[&[&str]], fallback: FallbackPolicy) -> Self {
        self.configuration.task_groups.push(declared(group(name, tiers, fallback)));
        self
    }

    /// A pool that is defined elsewhere.
    pub fn pool_of(mut self, pool: Pool) -> Self {
        self.configuration.pools.push(declared(pool));
        self
    }

    /// A wrapper.
    pub fn wrapper(mut self, name: &str, target: &str) -> Self {
        let wrapper = Wrapper::new(WrapperName::new(name).unwrap(), target.parse().unwrap()).unwrap();
        self.configuration.wrappers.push(declared(wrapper));
        self
    }

    /// The default target.
    pub fn default_target(mut self, target: &str) -> Self {
        self.configuration.default_target = Some(target.parse().unwrap());
        self
    }

    /// A model alias.
    pub fn alias(mut self, alias: &str, model: &str) -> Self {
        self.configuration.aliases.insert(alias.to_owned(), model.parse().unwrap());
        self
    }

    /// What is known of a model.
    pub fn card(mut self, model: &str, card: ModelCard) -> Self {
        self.configuration.models.own.insert(model.parse().unwrap(), card);
        self
    }

    /// What the whole gateway lets in.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.configuration.limits = limits;
        self
    }

    /// A task group that is defined elsewhere.
    pub fn task_group(mut self, group: TaskGroup) -> Self {
        self.configuration.task_groups.push(declared(group));
        self
    }

    /// Where requests are kept that are over.
    pub fn logging_to(mut self, requests: Arc<RequestLog>) -> Self {
        self.requests = requests;
        self
    }

    /// The deadlines of tiers and models.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.configuration.deadlines = deadlines;
        self
    }

    /// The configuration so far, under a hash of its own.
    pub fn hashed(mut self, content_hash: &str) -> Configuration {
        content_hash.clone_into(&mut self.configuration.content_hash);
        self.configuration
    }

    /// The configuration so far.
    pub fn configuration(self) -> Configuration {
        self.configuration
    }

    /// Starts the world.
    pub async fn start(self) -> World {
        let (scripts, diary) = (Scripts::default(), Diary::default());
        let (routes, clock) = (Arc::new(Routes::empty()), Arc::new(TokioClock));
        let stored_pools = InMemoryPoolRepository::default();
        let catalog = Arc::new(Catalog::new(CatalogParts {
            pools: Arc::new(stored_pools.clone()),
            task_groups: Arc::new(InMemoryTaskGroupRepository::default()),
            factory: Arc::new(scripts.clone()),
            routes: Arc::clone(&routes),
            observer: Arc::new(diary.clone()),
        }));
        catalog.load(self.configuration).await.unwrap();
        let written = Written::new(scripts.clone());
        let statistics = Arc::new(TargetStatistics::default());
        let watching = Observers::new(vec![Arc::new(diary.clone()), Arc::clone(&statistics) as _]);
        let observer = Arc::new(diary.clone());
        World {
            reloads: ReloadService::new(Arc::clone(&catalog), written.clone(), scripts.clone(), observer),
            written,
            pools: PoolService::new(Arc::clone(&catalog), Arc::clone(&routes), clock.clone()),
            groups: TaskGroupService::new(Arc::clone(&catalog), Arc::clone(&routes), clock.clone()),
            wrappers: WrapperService::new(Arc::clone(&routes), clock.clone()),
            health: HealthService::new(Arc::clone(&catalog), Arc::clone(&routes), clock.clone()),
            checks: HealthChecks::new(Arc::clone(&routes), clock.clone(), Arc::new(diary.clone())),
            orchestration: OrchestrationService::new(routes, clock, Arc::new(watching)).logging_to(self.requests),
            statistics,
            scripts,
            diary,
            catalog,
            stored_pools,
        }
    }
}

/// A pool of instances named like their models.
pub fn pool(name: &str, models: &[&str], policy: PoolPolicy) -> Pool {
    let members = models.iter().map(|model| PoolMember::Instance(instance(model))).collect();
    Pool::new(PoolName::new(name).unwrap(), members, policy).unwrap()
}

/// An instance named like its model, at the provider `sim`.
pub fn instance(model: &str) -> InstanceSpec {
    InstanceSpec::new(InstanceId::new(model).unwrap(), format!("sim:{model}").parse().unwrap())
}

/// A task group whose tiers are named `tier1`, `tier2`, ...
pub fn group(name: &str, tiers: &[&[&str]], fallback: FallbackPolicy) -> TaskGroup {
    let tiers = tiers.iter().zip(1..).map(|(models, number)| {
        let models = models.iter().map(|model| match model.split_once("pool:") {
            Some((_, pool)) => TierModel::Pool(PoolName::new(pool).unwrap()),
            None => TierModel::Direct(model.parse().unwrap()),
        });
        let policy =
            TierPolicy { priority: Some(number), defaults: ParameterDefaults::default(), ..TierPolicy::default() };
        Tier::new(TierName::new(&format!("tier{number}")).unwrap(), models.collect(), policy).unwrap()
    });
    TaskGroup::new(GroupName::new(name).unwrap(), tiers.collect(), fallback).unwrap()
}

fn declared<T>(value: T) -> Declared<T> {
    Declared { value, file: PathBuf::from("tidegate.toml") }
}

impl World {
    /// Asks `model` for a whole answer.
    pub async fn complete(&self, model: &str) -> Result<Completion<ScriptedStream>, CompletionError> {
        self.send(&format!(r#"{{"model":"{model}","messages":[]}}"#), None).await
    }

    /// Asks `model` for a stream.
    pub async fn stream(&self, model: &str) -> Result<Completion<ScriptedStream>, CompletionError> {
        self.send(&format!(r#"{{"model":"{model}","stream":true,"messages":[]}}"#), None).await
    }

    /// Sends a body.
    pub async fn send(
        &self,
        body: &str,
        timeout: Option<Duration>,
    ) -> Result<Completion<ScriptedStream>, CompletionError> {
        let request = InferenceRequest::parse(Bytes::from(body.to_owned())).unwrap();
        self.orchestration
            .complete(request, RequestContext { timeout, ..RequestContext::new(RequestId::new("req")) })
            .await
    }

    /// Sends a body under an id of its own.
    pub async fn send_as(&self, id: &str, body: &str) -> Result<Completion<ScriptedStream>, CompletionError> {
        let request = InferenceRequest::parse(Bytes::from(body.to_owned())).unwrap();
        self.orchestration.complete(request, RequestContext::new(RequestId::new(id))).await
    }

    /// In-flight requests of a pool, all instances together.
    pub fn in_flight(&self, pool: &str) -> u32 {
        let statistics = self.pools.statistics(&PoolName::new(pool).unwrap()).unwrap();
        statistics.instances.iter().map(|instance| instance.in_flight).sum()
    }
}

/// Reads a stream to its end.
pub async fn read(mut stream: CompletionStream<ScriptedStream>) -> (String, Option<Fault>) {
    let mut text = String::new();
    loop {
        match next(&mut stream).await {
            Some(Ok(bytes)) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
            Some(Err(fault)) => return (text, Some(fault)),
            None => return (text, None),
        }
    }
}

/// The next item of a stream.
pub async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// The id of the instance that answered, within its owner.
pub fn served_by(completion: &Completion<ScriptedStream>) -> &str {
    within_owner(completion.head.instance.as_str())
}

fn within_owner(label: &str) -> &str {
    label.split_once('/').map_or(label, |(_, id)| id)
}

/// The stream of a completion.
#[track_caller]
pub fn streamed(completion: Completion<ScriptedStream>) -> CompletionStream<ScriptedStream> {
    match completion.answer {
        Answer::Stream(stream) => *stream,
        Answer::Whole(_) => panic!("expected a stream"),
    }
}

/// An observer that remembers.
#[derive(Debug, Clone, Default)]
pub struct Diary(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    outcomes: Vec<Outcome>,
    attempts: Vec<String>,
    transitions: Vec<String>,
    reloads: Vec<&'static str>,
    not_stored: u64,
    usages: Vec<Option<Usage>>,
    costs: Vec<Option<Cost>>,
}

impl Diary {
    /// The outcome of every request so far.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().outcomes.clone()
    }

    /// The instance of every attempt so far, and what failed it.
    pub fn attempts(&self) -> Vec<String> {
        self.0.lock().unwrap().attempts.clone()
    }

    /// What every request so far used.
    pub fn usages(&self) -> Vec<Option<Usage>> {
        self.0.lock().unwrap().usages.clone()
    }

    /// What every request so far cost.
    pub fn costs(&self) -> Vec<Option<Cost>> {
        self.0.lock().unwrap().costs.clone()
    }

    /// How many requests could not be stored so far.
    pub fn not_stored(&self) -> u64 {
        self.0.lock().unwrap().not_stored
    }

    /// What became of every reload so far.
    pub fn reloads(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().reloads.clone()
    }

    /// Every change of health and of a circuit so far.
    pub fn transitions(&self) -> Vec<String> {
        self.0.lock().unwrap().transitions.clone()
    }
}

impl Observer for Diary {
    fn observe(&self, event: &Event<'_>) {
        let mut pages = self.0.lock().unwrap();
        match event {
            Event::AttemptFinished { instance, fault, .. } => {
                let fault = fault.map_or("ok", |fault| fault.as_str());
                pages.attempts.push(format!("{} {fault}", within_owner(instance.as_str())));
            }
            Event::RequestFinished { outcome, usage, trace, .. } => {
                pages.outcomes.push(*outcome);
                pages.usages.push(*usage);
                pages.costs.push(trace.cost());
            }
            Event::Health { instance, transition } => {
                pages.transitions.push(format!("{} {}", within_owner(instance.as_str()), transition.to));
            }
            Event::Breaker { instance, transition } => {
                pages.transitions.push(format!("{} {}", within_owner(instance.as_str()), transition.to.as_str()));
            }
            Event::Reloaded { outcome, .. } => pages.reloads.push(outcome.as_str()),
            Event::Panic { instance } => pages.transitions.push(format!("{} panic", within_owner(instance.as_str()))),
            Event::RequestsNotStored { count, .. } => pages.not_stored += count,
            Event::Published { .. } | Event::Configured { .. } => {}
        }
    }
}
