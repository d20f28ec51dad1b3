//! The engine as a library: own client, own repositories, no HTTP and no other crate of Tidegate.
//!
//! Run with `cargo run -p tidegate-application --example own_repositories`. It stores a pool of two instances in its own
//! repository, lets the first instance fail, and shows that the answer comes from the second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_application::{
    Answer, Catalog, CatalogParts, OrchestrationService, PoolService, RequestContext, Routes,
    domain::{
        config::Configuration,
        fault::{Fault, FaultKind, Work},
        inference::{
            AnswerStream, BuildClientError, Call, ClientFactory, InferenceRequest, LlmClient, Reply, RequestId,
            StreamChunk, WholeAnswer,
        },
        name::{GroupName, InstanceId, PoolName},
        observe::NoObserver,
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy, PoolRepository},
        repository::{RepositoryError, Version, Versioned},
        task_group::{TaskGroup, TaskGroupRepository},
        time::Clock,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let routes = Arc::new(Routes::empty());
    let clock = Arc::new(SystemClock);
    let catalog = Arc::new(Catalog::new(CatalogParts {
        pools: Arc::new(OwnPools::default()),
        task_groups: Arc::new(NoTaskGroups),
        factory: Arc::new(ParrotFactory),
        routes: Arc::clone(&routes),
        observer: Arc::new(NoObserver),
    }));
    catalog.load(Configuration::default()).await?;

    let pools = PoolService::new(Arc::clone(&catalog), Arc::clone(&routes), Arc::clone(&clock) as _);
    let members = ["parrots:sick", "parrots:polly"]
        .map(|model| Ok::<_, Box<dyn std::error::Error>>(InstanceSpec::new(InstanceId::new(model)?, model.parse()?)))
        .into_iter()
        .map(|spec| spec.map(PoolMember::Instance))
        .collect::<Result<_, _>>()?;
    pools.create(Pool::new(PoolName::new("birds")?, members, PoolPolicy::default())?).await?;

    let orchestration = OrchestrationService::new(routes, clock, Arc::new(NoObserver));
    let request = InferenceRequest::parse(Bytes::from_static(br#"{"model":"birds","messages":[]}"#))?;
    let context = RequestContext::new(RequestId::new("example-1"));
    let completion = orchestration.complete(request, context).await?;

    assert_eq!(completion.head.instance.as_str(), "birds/parrots:polly");
    assert_eq!(completion.head.attempts, 2);
    let Answer::Whole(answer) = completion.answer else { return Err("no stream was asked for".into()) };
    let statistics = pools.statistics(&PoolName::new("birds")?).ok_or("the pool was just created")?;
    assert_eq!((statistics.successes(), statistics.failures()), (1, 1));

    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, &answer.body)?;
    Ok(())
}

/// A client that repeats the model's name; the sick one fails.
#[derive(Debug)]
struct Parrot;

impl LlmClient for Parrot {
    type Stream = Silence;

    async fn send(&self, call: Call<'_>) -> Result<Reply<Silence>, Fault> {
        if call.model == "sick" {
            return Err(Fault::new(FaultKind::Transient, Work::Refused, "the parrot is sick"));
        }
        let body = Bytes::from(format!("{{\"model\":\"{}\"}}\n", call.model));
        Ok(Reply::Whole(WholeAnswer::json(body, None)))
    }

    async fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The stream of a client that never streams.
#[derive(Debug)]
struct Silence;

impl AnswerStream for Silence {}

impl futures_core::Stream for Silence {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(None)
    }
}

struct ParrotFactory;

impl ClientFactory for ParrotFactory {
    type Client = Parrot;

    fn client(&self, _: &InstanceSpec) -> Result<Parrot, BuildClientError> {
        Ok(Parrot)
    }
}

/// A repository of one's own: here a map, elsewhere whatever a team already runs.
#[derive(Default)]
struct OwnPools(Mutex<BTreeMap<PoolName, Versioned<Pool>>>);

impl OwnPools {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<PoolName, Versioned<Pool>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stored version, if it is the expected one.
fn current(
    pools: &BTreeMap<PoolName, Versioned<Pool>>,
    name: &PoolName,
    expected: Version,
) -> Result<Version, RepositoryError> {
    let (kind, text) = ("pool", name.to_string());
    match pools.get(name).map(|stored| stored.version) {
        None => Err(RepositoryError::NotFound { kind, name: text }),
        Some(actual) if actual != expected => Err(RepositoryError::Conflict { kind, name: text, expected, actual }),
        Some(version) => Ok(version),
    }
}

#[async_trait]
impl PoolRepository for OwnPools {
    async fn lookup(&self, name: &PoolName) -> Result<Option<Versioned<Pool>>, RepositoryError> {
        Ok(self.with(|pools| pools.get(name).cloned()))
    }

    async fn list(&self) -> Result<Vec<Versioned<Pool>>, RepositoryError> {
        Ok(self.with(|pools| pools.values().cloned().collect()))
    }

    async fn insert(&self, pool: &Pool) -> Result<Version, RepositoryError> {
        self.with(|pools| {
            if pools.contains_key(pool.name()) {
                return Err(RepositoryError::AlreadyExists { kind: "pool", name: pool.name().to_string() });
            }
            pools.insert(pool.name().clone(), Versioned { value: pool.clone(), version: Version::FIRST });
            Ok(Version::FIRST)
        })
    }

    async fn replace(&self, pool: &Pool, expected: Version) -> Result<Version, RepositoryError> {
        self.with(|pools| {
            let version = current(pools, pool.name(), expected)?.next();
            pools.insert(pool.name().clone(), Versioned { value: pool.clone(), version });
            Ok(version)
        })
    }

    async fn remove(&self, name: &PoolName, expected: Version) -> Result<(), RepositoryError> {
        self.with(|pools| {
            current(pools, name, expected)?;
            pools.remove(name);
            Ok(())
        })
    }
}

/// A program that only uses pools can refuse task groups.
struct NoTaskGroups;

impl NoTaskGroups {
    fn refuse<T>() -> Result<T, RepositoryError> {
        Err(RepositoryError::Unavailable("this program has no task groups".into()))
    }
}

#[async_trait]
impl TaskGroupRepository for NoTaskGroups {
    async fn lookup(&self, _: &GroupName) -> Result<Option<Versioned<TaskGroup>>, RepositoryError> {
        Ok(None)
    }

    async fn list(&self) -> Result<Vec<Versioned<TaskGroup>>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn insert(&self, _: &TaskGroup) -> Result<Version, RepositoryError> {
        Self::refuse()
    }

    async fn replace(&self, _: &TaskGroup, _: Version) -> Result<Version, RepositoryError> {
        Self::refuse()
    }

    async fn remove(&self, _: &GroupName, _: Version) -> Result<(), RepositoryError> {
        Self::refuse()
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the program's clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the program's clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
