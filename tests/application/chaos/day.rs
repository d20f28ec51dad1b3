//! One day: callers, reloads and a watcher, all from one seed; then fair weather.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::ScriptedStream,
    world::{Plan, World, next, streamed},
};
use tidegate_application::{Answer, CompletionError, CompletionStream, RequestLog, RequestLogPolicy};
use tidegate_domain::{
    admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    config::{Configuration, ReloadOutcome},
    pool::{PoolPolicy, Random},
    resilience::{AdaptivePolicy, Deadlines},
};
use tokio::{task::JoinSet, time::sleep};

use super::{invariants, upstreams::Upstreams};

const REQUESTS: u64 = 200;
/// What the whole gateway serves at once, and lets in.
pub const AT_ONCE: u32 = 25;
pub const A_MINUTE: u32 = 150;
/// Between what the limits of the pool's instances move.
pub const LIMITS: [u32; 2] = [2, 6];
/// How long any request may take.
pub const TOTAL: Duration = Duration::from_secs(30);

/// What became of a day.
pub struct Day {
    pub seed: u64,
    pub world: Arc<World>,
    pub upstreams: Upstreams,
    pub endings: Vec<Ending>,
    /// The models of the pool, by the revision that had them.
    pub members: Vec<(u64, &'static [&'static str])>,
    /// When the count of requests in flight was not that of calls under way.
    pub miscounts: Vec<String>,
    /// When the limit of an instance was out of its bounds.
    pub unbounded: Vec<String>,
}

/// How a request looked to its caller.
#[derive(Debug, Hash)]
pub enum Ending {
    Whole(String),
    Told { shown: String, kind: String },
    Failed(String),
    Vanished,
}

const MEMBERS: [&[&str]; 2] = [&["a", "b", "c"], &["a", "b", "x"]];

fn configuration(members: &'static [&'static str]) -> Plan {
    let capacity = NonZeroU32::new(A_MINUTE).unwrap();
    let requests =
        RateLimitPolicy { algorithm: RateLimitAlgorithm::TokenBucket, ..RateLimitPolicy::per_minute(capacity) };
    let deadlines = Deadlines { total: TOTAL, ..Deadlines::default() };
    let [floor, ceiling] = LIMITS.map(|limit| NonZeroU32::new(limit).unwrap());
    let adaptive = AdaptivePolicy { floor, ceiling, ..AdaptivePolicy::default() };
    Plan::default()
        .pool_with(
            "p",
            members,
            PoolPolicy { deadlines, adaptive_concurrency: Some(adaptive), ..PoolPolicy::default() },
        )
        .group("g", &[&["pool:p", "sim:d"], &["sim:e"], &["sim:f"]])
        .deadlines(deadlines)
        .limits(Limits {
            max_concurrency: NonZeroU32::new(AT_ONCE),
            requests: Some(requests),
            tokens: None,
            queue: QueuePolicy { size: 40, max_wait: Duration::from_secs(10) },
        })
}

fn hashed(members: &'static [&'static str]) -> Configuration {
    configuration(members).hashed(&members.join(""))
}

impl Day {
    /// Goes through a day, checks what must hold, and returns the hash of all that happened.
    pub fn run(seed: u64) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut day = Self::begin(seed).await;
            day.bad_luck().await;
            let log = invariants::check(&day);
            day.upstreams.be_fair();
            day.recover().await;
            log
        })
    }

    async fn begin(seed: u64) -> Self {
        let policy = RequestLogPolicy { memory: 2 * usize::try_from(REQUESTS).unwrap(), ..RequestLogPolicy::default() };
        let plan = configuration(MEMBERS[0]).logging_to(Arc::new(RequestLog::in_memory(policy)));
        let world = Arc::new(plan.start().await);
        let upstreams = Upstreams::improvising(&world.scripts, seed);
        let members = vec![(1, MEMBERS[0])];
        Self { seed, world, upstreams, endings: Vec::new(), members, miscounts: Vec::new(), unbounded: Vec::new() }
    }

    async fn bad_luck(&mut self) {
        let mut random = Random::with_seed(!self.seed);
        let mut callers = JoinSet::new();
        for number in 0..REQUESTS {
            let (world, id, own) = (Arc::clone(&self.world), format!("req_{}_{number}", self.seed), random.fork());
            callers.spawn(async move { call(&world, &id, own).await });
        }
        let (world, mut luck) = (Arc::clone(&self.world), random.fork());
        let mut watcher = random.fork();
        let reloads = async {
            loop {
                sleep(Duration::from_millis(luck.u64(500..4000))).await;
                self.members.extend(reload(&world, luck.usize(..3)).await);
            }
        };
        let watching = async {
            loop {
                sleep(Duration::from_millis(watcher.u64(..300))).await;
                self.miscounts.extend(invariants::miscount(&world));
                self.unbounded.extend(invariants::unbounded(&world));
            }
        };
        tokio::select! {
            endings = callers.join_all() => self.endings = endings,
            () = reloads => {}
            () = watching => {}
        }
    }

    /// Two minutes of little traffic without bad luck; then everything works again, and nothing that was reserved is missing.
    async fn recover(&self) {
        let world = &self.world;
        let before = invariants::asked(world);
        for second in 0..120 {
            let _ = world.complete(["p", "g", "g.tier2", "g.tier3"][second % 4]).await;
            sleep(Duration::from_secs(1)).await;
        }
        invariants::check_recovered(self, &before);
        for round in 0..12 {
            for target in ["p", "g"] {
                let ending = ask(world, target, &format!("req_{}_{target}_{round}", self.seed), round % 2 == 0).await;
                assert!(matches!(ending, Ending::Whole(_)), "seed {}: {target}: {ending:?} in fair weather", self.seed);
            }
        }
        sleep(Duration::from_mins(10)).await;
        invariants::check_rate(self).await;
    }
}

/// Writes one of two configurations, or one that cannot be used, and has it loaded.
async fn reload(world: &World, choice: usize) -> Option<(u64, &'static [&'static str])> {
    match MEMBERS.get(choice) {
        Some(members) => world.written.write(hashed(members)),
        None => world.written.scribble(),
    }
    let outcome = world.reloads.reload().await;
    let ReloadOutcome::Applied { revision, .. } = outcome else { return None };
    MEMBERS.get(choice).map(|members| (revision, *members))
}

async fn call(world: &World, id: &str, mut random: Random) -> Ending {
    sleep(Duration::from_millis(random.u64(..20_000))).await;
    let model = ["p", "g", "g.tier2"][random.usize(..3)];
    let streams = random.bool();
    // One caller in twenty goes away, at any moment.
    let patience = if random.u32(..20) == 0 { random.u64(..3_000) } else { 3_600_000 };
    let journey = ask(world, model, id, streams);
    tokio::time::timeout(Duration::from_millis(patience), journey).await.unwrap_or(Ending::Vanished)
}

async fn ask(world: &World, model: &str, id: &str, streams: bool) -> Ending {
    match world.send_as(id, &format!(r#"{{"model":"{model}","stream":{streams}}}"#)).await {
        Err(CompletionError::Upstream { fault, attempts }) => Ending::Failed(format!("{} {attempts}", fault.kind)),
        Err(other) => Ending::Failed(format!("{other:?}").split(' ').next().unwrap_or_default().to_owned()),
        Ok(completion) => match completion.answer {
            Answer::Whole(answer) => Ending::Whole(String::from_utf8(answer.body.to_vec()).unwrap()),
            Answer::Stream(_) => listen(streamed(completion)).await,
        },
    }
}

async fn listen(mut stream: CompletionStream<ScriptedStream>) -> Ending {
    let mut shown = String::new();
    while let Some(item) = next(&mut stream).await {
        match item {
            Ok(bytes) => shown.push_str(std::str::from_utf8(&bytes).unwrap()),
            Err(fault) => return Ending::Told { shown, kind: fault.kind.to_string() },
        }
    }
    Ending::Whole(shown)
}
