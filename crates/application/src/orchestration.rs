//! Answers a request: resolve the name, drive attempts over the route, account for everything.

mod answer;
mod attempt;
mod error;
mod ledger;
mod stream;

use std::{fmt, sync::Arc, time::Duration};

pub use answer::{Answer, Completion, CompletionHead};
use attempt::Attempts;
pub use error::CompletionError;
use ledger::{Ledger, Watchers};
pub use stream::CompletionStream;
use tidegate_domain::{
    admission::Priority,
    inference::{InferenceRequest, LlmClient, RequestId},
    observe::Observer,
    time::Clock,
};

use crate::{
    RequestLog,
    admission::{Caller, Demand},
    routing_table::{Routes, RoutingTable},
    wrappers::Wishes,
};

/// What a request brings along besides its body.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id.
    pub id: RequestId,
    /// How long the caller will wait; it can only shorten the configured deadline.
    pub timeout: Option<Duration>,
    /// Whose request it is: callers take turns where requests wait.
    pub caller: Caller,
    /// How urgent it is where requests wait.
    pub priority: Priority,
    /// The digest of what the caller wants its requests kept together by; see [`digest`](tidegate_domain::pool::digest).
    pub affinity: Option<u64>,
}

impl RequestContext {
    /// A request of an unnamed caller, which will wait as long as the configuration lets it.
    pub fn new(id: RequestId) -> Self {
        Self { id, timeout: None, caller: Caller::default(), priority: Priority::default(), affinity: None }
    }
}

/// One name that a caller may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The name.
    pub name: String,
    /// What it stands for: `pool`, `task_group`, `wrapper`, `alias` or `model`.
    pub kind: &'static str,
}

/// Answers requests.
pub struct OrchestrationService<C> {
    routes: Arc<Routes<C>>,
    watchers: Watchers,
}

impl<C: LlmClient> OrchestrationService<C> {
    /// Serves what `routes` publishes, and keeps the latest requests in a log of its own.
    pub fn new(routes: Arc<Routes<C>>, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self { routes, watchers: Watchers { clock, observer, requests: Arc::default() } }
    }

    /// Keeps its requests in `requests`.
    #[must_use]
    pub fn logging_to(mut self, requests: Arc<RequestLog>) -> Self {
        self.watchers.requests = requests;
        self
    }

    /// Where its requests are found once they are over.
    pub fn requests(&self) -> &Arc<RequestLog> {
        &self.watchers.requests
    }

    /// Answers one request: the whole answer, or its stream from the first content on. Dropping the future or the stream
    /// stops the upstream's work and gives everything back.
    ///
    /// # Errors
    /// [`CompletionError`] says why there is no answer, and when to come back if that is known.
    pub async fn complete(
        &self,
        request: InferenceRequest,
        context: RequestContext,
    ) -> Result<Completion<C::Stream>, CompletionError> {
        let table = self.routes.load();
        let model = request.envelope().model();
        let route = table
            .resolve(model)
            .map_err(|nearest| CompletionError::UnknownModel { model: model.to_owned(), nearest })?;
        let RequestContext { id, timeout, caller, priority, affinity } = context;
        let named = (id, route.target.clone(), table.revision());
        let ledger = Ledger::open(named, request.prompt_tokens(), &self.watchers);
        let demand = Demand { tokens: request.estimated_tokens(), caller, priority };
        let attempts = Attempts::new((Arc::clone(route), demand.tokens), ledger, timeout);
        let attempts = attempts.heeding(Wishes::of(&request, affinity)).fit(&request)?;
        attempts.admit(demand).await?.drive(&request).await
    }

    /// The table in force.
    pub(crate) fn table(&self) -> Arc<RoutingTable<C>> {
        self.routes.load()
    }

    /// What tells the time.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.watchers.clock
    }

    /// Every name a caller may use, sorted.
    pub fn models(&self) -> Vec<ModelEntry> {
        self.routes.load().models()
    }
}

impl<C> fmt::Debug for OrchestrationService<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OrchestrationService").finish_non_exhaustive()
    }
}
