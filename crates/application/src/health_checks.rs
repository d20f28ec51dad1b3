//! Checks instances in the background, besides their requests.
//!
//! Of the instances whose policy says so, those are checked that need it: nobody checks what has just answered a request, what an
//! operator has taken out, or what is left alone because it asked for it. Checks are jittered, run side by side, one at a time for
//! each instance, and are bounded in time and cost. They move only the health that checks show: no circuit that requests
//! opened is closed by them (linkerd's rule), and no cooldown ends.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    inference::{Call, InferenceRequest, LlmClient, ParameterDefaults, Part, Reply, RequestId, Usage},
    model::Prices,
    observe::{Event, Observer},
    pool::{CheckKind, CheckPolicy},
    time::Clock,
};
use tokio::{task::JoinSet, time};

use crate::{
    live::{Checking, LiveInstance, day_of},
    routing_table::Routes,
};

/// How long a new table may go unnoticed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The shortest pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// The most checks at once.
const AT_ONCE: usize = 64;
/// What is asked for where a completion is.
const QUESTION: &[u8] = br#"{"model":"check","messages":[{"role":"user","content":"Say OK."}],"max_tokens":1}"#;
/// What a model costs of which nobody knows it, in micro-dollars for a million tokens: more than most.
const ASSUMED: Prices = Prices { input: 10_000_000, cached_input: None, output: 50_000_000 };
/// What a completion costs whose answer does not say it.
const ASSUMED_USAGE: Usage =
    Usage { input_tokens: 50, output_tokens: 50, cached_tokens: 0, reasoning_tokens: 0, estimated: true };

/// Checks the instances of whatever table is in force.
pub struct HealthChecks<C> {
    routes: Arc<Routes<C>>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl<C: LlmClient> HealthChecks<C> {
    /// Checks what `routes` publishes.
    pub fn new(routes: Arc<Routes<C>>, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self { routes, clock, observer }
    }

    /// Checks for ever. Dropping the future ends it, with every check that is under way.
    pub async fn run(&self) {
        let mut checks = JoinSet::new();
        loop {
            while checks.try_join_next().is_some() {}
            time::sleep(self.begin_due(&mut checks)).await;
        }
    }

    /// Begins every check that is due, the free ones first, and returns how long nothing more will be.
    fn begin_due(&self, checks: &mut JoinSet<()>) -> Duration {
        let now = self.clock.now();
        let table = self.routes.load();
        let mut active: Vec<_> =
            table.instances().filter(|instance| instance.policies.health.check.kind.is_active()).collect();
        active.sort_by_key(|instance| instance.policies.health.check.kind == CheckKind::Completion);
        let mut pause = LOOK_AGAIN;
        for instance in active {
            if checks.len() >= AT_ONCE {
                return PAUSE;
            }
            match instance.begin_check(now) {
                Ok(checking) => {
                    let (clock, observer) = (Arc::clone(&self.clock), Arc::clone(&self.observer));
                    checks.spawn(check(Arc::clone(instance), checking, clock, observer));
                }
                Err(due) => pause = pause.min(due.saturating_duration_since(now)),
            }
        }
        pause.max(PAUSE)
    }
}

async fn check<C: LlmClient>(
    instance: Arc<LiveInstance<C>>,
    checking: Checking,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
) {
    let CheckPolicy { kind, timeout, .. } = instance.policies.health.check;
    let asking = async {
        match kind {
            CheckKind::Tcp => instance.client.connect().await,
            CheckKind::None | CheckKind::Passive | CheckKind::Models => instance.client.check().await,
            CheckKind::Completion => complete(&instance, &*clock).await,
        }
    };
    let silent = Err(Fault::timed_out(Phase::Headers));
    let result = time::timeout(timeout, asking).await.unwrap_or(silent);
    if let Some(transition) = checking.found(&result, clock.now()) {
        observer.observe(&Event::Health { instance: &instance.label, transition });
    }
}

/// Asks what is free first, and for a completion only where that was answered and the day's money lasts.
async fn complete<C: LlmClient>(instance: &LiveInstance<C>, clock: &dyn Clock) -> Result<(), Fault> {
    instance.client.check().await.or_else(|fault| if fault.kind == FaultKind::Auth { Ok(()) } else { Err(fault) })?;
    let day = day_of(clock.wall());
    if !instance.may_spend(day) {
        return Ok(());
    }
    let unreadable = |_| Fault::new(FaultKind::Client, Work::NotSent, "the question of the check is no request");
    let request = InferenceRequest::parse(Bytes::from_static(QUESTION)).map_err(unreadable)?;
    let (defaults, request_id) = (ParameterDefaults::default(), RequestId::new("health-check"));
    let quota = std::sync::OnceLock::new();
    let model = instance.spec.model.model();
    let call = Call {
        request: &request,
        model,
        defaults: &defaults,
        request_id: &request_id,
        received: clock.wall(),
        max_output: None,
        part: Part::Whole,
        quota: &quota,
    };
    let reply = instance.client.send(call).await;
    if let Some(quota) = quota.get() {
        instance.state.observe_quota(*quota, instance.credential, clock.now());
    }
    let usage = match reply {
        Ok(Reply::Whole(answer)) => answer.usage.unwrap_or(ASSUMED_USAGE),
        Ok(Reply::Stream(_)) => ASSUMED_USAGE,
        // A question that it refuses has been answered, too.
        Err(fault) if !fault.kind.counts_against_instance() => return Ok(()),
        Err(fault) => return Err(fault),
    };
    let prices = instance.card.as_ref().and_then(|card| card.prices).unwrap_or(ASSUMED);
    instance.spend(day, prices.cost_of(&usage).micro_dollars);
    Ok(())
}

impl<C> fmt::Debug for HealthChecks<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HealthChecks").finish_non_exhaustive()
    }
}
