//! Answers a request: resolve the name, drive attempts over the route, account for everything.

mod answer;
mod ask;
mod attempt;
mod candidates;
mod context;
mod error;
mod hedge;
mod last_resort;
mod ledger;
mod rescue;
mod stream;
mod watch;

use std::{fmt, sync::Arc};

pub use answer::{Answer, Completion, CompletionHead};
use attempt::{Attempts, Manners};
pub use context::{Consent, RequestContext, StreamMarks};
pub use error::CompletionError;
use ledger::{Ledger, Watchers};
pub use stream::CompletionStream;
use tidegate_domain::{
    inference::{InferenceRequest, LlmClient},
    observe::Observer,
    time::Clock,
};

use crate::{
    RequestLog,
    admission::Demand,
    routing_table::{Entry, Routes, RoutingTable},
    wrappers::Wishes,
};

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
    watchers: Arc<Watchers>,
}

impl<C: LlmClient> OrchestrationService<C> {
    /// Serves what `routes` publishes, and keeps the latest requests in a log of its own.
    pub fn new(routes: Arc<Routes<C>>, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self { routes, watchers: Arc::new(Watchers { clock, observer, requests: Arc::default() }) }
    }

    /// Keeps its requests in `requests`.
    #[must_use]
    pub fn logging_to(mut self, requests: Arc<RequestLog>) -> Self {
        self.watchers = Arc::new(Watchers { requests, ..Watchers::clone(&self.watchers) });
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
    pub fn complete(
        &self,
        request: InferenceRequest,
        context: RequestContext,
    ) -> impl Future<Output = Result<Completion<C::Stream>, CompletionError>> {
        // Begun before it is polled: what a future is given, it keeps room for until its end.
        let begun = self.begin(&request, context);
        async move {
            let (attempts, demand) = begun?;
            attempts.admit(demand).await?.drive(request).await
        }
    }

    /// Resolves the name, opens the account, and rules out whoever cannot serve the request.
    fn begin(
        &self,
        request: &InferenceRequest,
        context: RequestContext,
    ) -> Result<(Box<Attempts<C>>, Demand), CompletionError> {
        let table = self.routes.load();
        let model = request.envelope().model();
        let Entry { route, wrapper, .. } = table
            .resolve(model)
            .map_err(|nearest| CompletionError::UnknownModel { model: model.to_owned(), nearest })?;
        let RequestContext { id, timeout, caller, priority, affinity, consent, is_idempotent, marks } = context;
        let named = (id, route.target.clone(), table.revision());
        let ledger = Ledger::open(named, wrapper.as_ref(), request.prompt_tokens(), &self.watchers);
        let demand = Demand { tokens: request.estimated_tokens(), caller, priority };
        let is_idempotent = is_idempotent.unwrap_or_else(|| !request.stores());
        let manners = Manners { timeout, consent, is_idempotent, marks };
        let wishes = Wishes::of(request, affinity);
        let attempts = Attempts::new((Arc::clone(route), demand.tokens, wishes), ledger, manners);
        Ok((attempts.fit(request)?, demand))
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
