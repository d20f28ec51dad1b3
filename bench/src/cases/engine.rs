//! Whole requests through the engine, answered by a client that has its answer ready.

use std::{future::poll_fn, hint::black_box, num::NonZeroU32, path::PathBuf, pin::Pin, sync::Arc, task};

use bytes::Bytes;
use futures_core::Stream;
use tidegate::{
    application::{Answer, Catalog, CatalogParts, OrchestrationService, RequestContext, Routes},
    domain::{
        admission::{Limits, RateLimitPolicy},
        config::{Configuration, Declared},
        fault::Fault,
        inference::{
            AnswerStream, BuildClientError, Call, ClientFactory, InferenceRequest, LlmClient, Reply, RequestId,
            StreamChunk, WholeAnswer,
        },
        name::{InstanceId, PoolName},
        observe::NoObserver,
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy, RotationKind},
    },
    infrastructure::{
        clock::TokioClock,
        persistence::{InMemoryPoolRepository, InMemoryTaskGroupRepository},
        provider::StreamReader,
    },
};
use tokio::runtime::{Builder, Runtime};

use super::{Case, body::request_body};
use crate::exchange::{Shape, stream_pieces, whole_answer};

/// Has its answer ready, whole and streamed.
#[derive(Clone)]
struct Ready {
    whole: Bytes,
    pieces: Arc<[Bytes]>,
}

impl LlmClient for Ready {
    type Stream = ReadyStream;

    async fn send(&self, call: Call<'_>) -> Result<Reply<ReadyStream>, Fault> {
        black_box(call.request.body_for(call.model, call.defaults));
        if !call.request.envelope().stream() {
            return Ok(Reply::Whole(WholeAnswer::json(self.whole.clone(), None)));
        }
        let reader = StreamReader::new(call.request);
        Ok(Reply::Stream(ReadyStream { pieces: Arc::clone(&self.pieces), at: 0, reader }))
    }

    async fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

impl ClientFactory for Ready {
    type Client = Self;

    fn client(&self, _: &InstanceSpec) -> Result<Self, BuildClientError> {
        Ok(self.clone())
    }
}

/// One event at a time, read as if it came off the network.
struct ReadyStream {
    pieces: Arc<[Bytes]>,
    at: usize,
    reader: StreamReader,
}

impl Stream for ReadyStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> task::Poll<Option<Self::Item>> {
        loop {
            if let Some(chunk) = self.reader.next_chunk() {
                return task::Poll::Ready(Some(chunk));
            }
            let Some(piece) = self.pieces.get(self.at).cloned() else {
                return task::Poll::Ready(self.reader.end());
            };
            self.at += 1;
            if let Err(fault) = self.reader.push(piece) {
                return task::Poll::Ready(Some(Err(fault)));
            }
        }
    }
}

impl AnswerStream for ReadyStream {}

/// An engine, and a request for it.
struct Stage {
    runtime: Runtime,
    engine: OrchestrationService<Ready>,
    body: Bytes,
}

impl Stage {
    fn new(pools: Vec<Pool>, body: Bytes) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let (routes, observer) = (Arc::new(Routes::empty()), Arc::new(NoObserver));
        let catalog = Catalog::new(CatalogParts {
            pools: Arc::new(InMemoryPoolRepository::default()),
            task_groups: Arc::new(InMemoryTaskGroupRepository::default()),
            factory: Arc::new(Ready { whole: whole_answer().into(), pieces: stream_pieces().into() }),
            routes: Arc::clone(&routes),
            observer: observer.clone(),
        });
        let declared = |value| Declared { value, file: PathBuf::from("bench") };
        let pools = pools.into_iter().map(declared).collect();
        runtime.block_on(catalog.load(Configuration { pools, ..Configuration::default() }))?;
        Ok(Self { runtime, engine: OrchestrationService::new(routes, Arc::new(TokioClock), observer), body })
    }

    /// Asks once, and reads the answer to its end.
    fn ask(&self) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let request = InferenceRequest::parse(self.body.clone())?;
            let context = RequestContext::new(RequestId::new("req_0123456789abcdef0123456789abcdef"));
            match self.engine.complete(request, context).await?.answer {
                Answer::Whole(whole) => drop(black_box(whole)),
                Answer::Stream(mut stream) => {
                    while let Some(chunk) = poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await {
                        black_box(chunk?);
                    }
                }
            }
            Ok(())
        })
    }
}

fn pool(name: &str, count: usize, policy: PoolPolicy) -> anyhow::Result<Pool> {
    let member = |at: usize| {
        let (id, model) = (InstanceId::new(&format!("i{at}"))?, format!("ready:m{at}").parse()?);
        anyhow::Ok(PoolMember::Instance(InstanceSpec::new(id, model)))
    };
    Ok(Pool::new(PoolName::new(name)?, (0..count).map(member).collect::<Result<_, _>>()?, policy)?)
}

/// A case of a request over pools that `pools` makes.
fn case(
    name: String,
    body: impl Fn() -> Bytes + 'static,
    pools: impl Fn() -> anyhow::Result<Vec<Pool>> + 'static,
) -> Case {
    Case::new(name, move || {
        let stage = pools().and_then(|pools| Stage::new(pools, body())).expect("a definition of our own is valid");
        move || stage.ask().expect("a client that has its answer ready answers")
    })
}

fn fast() -> Bytes {
    request_body(Shape::Whole, "fast")
}

/// A whole answer from a pool of so many instances.
pub(super) fn whole(rotation: RotationKind, count: usize) -> Case {
    let policy = move || PoolPolicy { rotation, ..PoolPolicy::default() };
    let name = format!("request, {} over {count}", rotation.as_str());
    case(name, fast, move || Ok(vec![pool("fast", count, policy())?]))
}

/// A whole answer from one pool of many.
pub(super) fn among_pools(count: usize) -> Case {
    let named = |at: usize| if at == 0 { "fast".to_owned() } else { format!("pool-{at}") };
    let pools = move || (0..count).map(|at| pool(&named(at), 2, PoolPolicy::default())).collect();
    case(format!("request, one of {count} pools"), fast, pools)
}

/// A whole answer from a pool with every kind of limit: admission is entered and left.
pub(super) fn limited() -> Case {
    let policy = || {
        let per_minute = Some(RateLimitPolicy::per_minute(NonZeroU32::MAX));
        let limits = Limits {
            max_concurrency: NonZeroU32::new(100),
            requests: per_minute,
            tokens: per_minute,
            ..Limits::default()
        };
        PoolPolicy { limits, ..PoolPolicy::default() }
    };
    case("request, under three limits".to_owned(), fast, move || Ok(vec![pool("fast", 2, policy())?]))
}

/// A stream of 32 events.
pub(super) fn stream() -> Case {
    let body = || request_body(Shape::Stream, "fast");
    case("stream of 32".to_owned(), body, || Ok(vec![pool("fast", 2, PoolPolicy::default())?]))
}
