//! How many requests an instance is sent at once, found out while it serves.
//!
//! Nobody knows what an upstream takes at once; it depends on its hardware, its other customers and the prompts. Too many, and it
//! refuses, or queues them inside, where they time out. The limit probes for the edge as TCP does: it grows by one for every round
//! of answers, and falls by a part when the upstream pushes back (additive increase, multiplicative decrease; RFC 5681, with the
//! factor of RFC 9438). Two things are from Netflix's concurrency-limits: a limit of which not even half is used does not grow,
//! since nothing has tried it, and a rising time to answer is a sign before any refusal is.
//!
//! What counts as rising is judged against a reference: what answers took that met no more requests than the floor. It learns from
//! nothing else, so that a load that grows slowly does not become its own measure. Envoy's gradient, for contrast, pins the limit
//! down from time to time to measure such a reference, which costs requests; a floor that is reached from time to time costs nothing.
//!
//! Deliberately absent: the time of whole answers, which is that of their length, and timeouts, which belong to the circuit.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// The part of the requests in flight that is given up when the upstream pushes back.
const DECREASE: f64 = 0.3;
/// The most of its limit that an instance loses at once: a refusal that meets few requests is rarely about their number.
const MOST_LOST: f64 = 0.5;
/// The part that one answer has in the reference.
const REFERENCE_STEP: f64 = 0.1;
/// The part that one answer has in what is lately seen.
const RECENT_STEP: f64 = 0.2;
/// So many times the reference is the most that one answer counts as: a single long prompt is no trend.
const OUTLIER: f64 = 4.0;

/// Between what the limit of an instance moves, and by what it is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptivePolicy {
    /// The least.
    pub floor: NonZeroU32,
    /// The most, and what it begins with. Less than the floor counts as the floor.
    pub ceiling: NonZeroU32,
    /// From how many percent of the reference on the time to first content is too long; only refusals count if absent.
    pub slow_percent: Option<NonZeroU32>,
}

impl Default for AdaptivePolicy {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { floor: number(4), ceiling: number(200), slow_percent: NonZeroU32::new(200) }
    }
}

impl AdaptivePolicy {
    /// The policy of an instance that must not be sent more at once than `most`, if anything.
    #[must_use]
    pub fn within(self, most: Option<NonZeroU32>) -> Self {
        let Some(most) = most else { return self };
        Self { floor: self.floor.min(most), ceiling: most, ..self }
    }
}

/// How it stood when an attempt was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispatch {
    /// When that was.
    pub sent: Instant,
    /// The requests in flight then, this one included.
    pub in_flight: u32,
}

/// How it stood when an attempt began to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// When that was.
    pub at: Instant,
    /// The requests in flight then, this one included.
    pub in_flight: u32,
    /// How long its first content took; absent if it does not stream.
    pub first_content: Option<Duration>,
}

/// The limit of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveLimit {
    policy: AdaptivePolicy,
    limit: f64,
    /// When it was last lowered: what was sent before that tells of the load before it.
    lowered: Option<Instant>,
    /// Seconds to the first content under little load.
    reference: Option<f64>,
    /// The same as it lately was.
    recent: Option<f64>,
}

impl AdaptiveLimit {
    /// A limit at its ceiling: who knows nothing keeps nobody away.
    pub fn new(policy: AdaptivePolicy) -> Self {
        let limit = f64::from(policy.ceiling.get());
        Self { policy, limit, lowered: None, reference: None, recent: None }.within_bounds()
    }

    /// The most requests at once.
    pub fn get(&self) -> NonZeroU32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two u32")]
        let whole = self.limit as u32;
        NonZeroU32::new(whole).unwrap_or(self.policy.floor)
    }

    /// The same under another policy. One that was never lowered follows its ceiling; one that was has been found out.
    #[must_use]
    pub fn under(self, policy: AdaptivePolicy) -> Self {
        let limit = if self.lowered.is_none() { f64::from(policy.ceiling.get()) } else { self.limit };
        Self { policy, limit, ..self }.within_bounds()
    }

    /// One that has found out nothing, under the same policy.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self::new(self.policy)
    }

    /// An attempt has begun to answer.
    pub fn on_answer(&mut self, dispatch: Dispatch, began: Began) {
        if let Some(time) = began.first_content {
            self.learn(dispatch.in_flight.max(began.in_flight), time.as_secs_f64());
        }
        if !self.is_news(dispatch) {
            return;
        }
        if let Some(time) = began.first_content {
            self.look_at(time.as_secs_f64());
        }
        if self.is_slow() {
            self.lower(dispatch, began.at);
        } else if dispatch.in_flight.saturating_mul(2) >= self.get().get() {
            self.limit += 1.0 / self.limit;
            *self = self.clone().within_bounds();
        }
    }

    /// The upstream has refused an attempt at `now`, because it has too much to do.
    pub fn on_pushback(&mut self, dispatch: Dispatch, now: Instant) {
        if self.is_news(dispatch) {
            self.lower(dispatch, now);
        }
    }

    /// Refusals of one burst are one: only what was sent under the limit as it is says something about it.
    fn is_news(&self, dispatch: Dispatch) -> bool {
        self.lowered.is_none_or(|lowered| lowered < dispatch.sent)
    }

    /// Both when it was sent and when it was answered there was little to do.
    fn learn(&mut self, in_flight: u32, seconds: f64) {
        if in_flight <= self.policy.floor.get() {
            self.reference = Some(towards(self.reference, seconds, REFERENCE_STEP));
        }
    }

    fn look_at(&mut self, seconds: f64) {
        let sample = self.reference.map_or(seconds, |reference| seconds.min(reference * OUTLIER));
        self.recent = Some(towards(self.recent, sample, RECENT_STEP));
    }

    fn is_slow(&self) -> bool {
        let (Some(percent), Some(reference), Some(recent)) = (self.policy.slow_percent, self.reference, self.recent)
        else {
            return false;
        };
        recent * 100.0 > reference * f64::from(percent.get())
    }

    fn lower(&mut self, dispatch: Dispatch, now: Instant) {
        let met = self.limit.min(dispatch.in_flight.into());
        self.limit = (met - met * DECREASE).max(self.limit * MOST_LOST);
        self.lowered = Some(now);
        // Whether it is still slow is judged afresh.
        self.recent = self.reference;
        *self = self.clone().within_bounds();
    }

    fn within_bounds(self) -> Self {
        let AdaptivePolicy { floor, ceiling, .. } = self.policy;
        let limit = self.limit.clamp(floor.get().into(), ceiling.max(floor).get().into());
        Self { limit, ..self }
    }
}

/// What is known, moved a step towards a sample.
fn towards(known: Option<f64>, sample: f64, step: f64) -> f64 {
    known.map_or(sample, |known| known + (sample - known) * step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn policy(floor: u32, ceiling: u32) -> AdaptivePolicy {
        let number = |number| NonZeroU32::new(number).unwrap();
        AdaptivePolicy { floor: number(floor), ceiling: number(ceiling), ..AdaptivePolicy::default() }
    }

    fn began(at: Instant, in_flight: u32, first_content: Option<Duration>) -> Began {
        Began { at, in_flight, first_content }
    }

    /// A round of answers: as many as the limit, all sent at once, each after that long. Returns when it is over.
    fn round(limit: &mut AdaptiveLimit, sent: Instant, time: Duration) -> Instant {
        let (at, all) = (sent + time, limit.get().get());
        for in_flight in 1..=all {
            limit.on_answer(Dispatch { sent, in_flight }, began(at, all, Some(time)));
        }
        at + SECOND
    }

    /// A limit under which four requests at once have taken a second each.
    fn measured(policy: AdaptivePolicy) -> (AdaptiveLimit, Instant) {
        let (mut limit, sent) = (AdaptiveLimit::new(policy), origin());
        limit.on_answer(Dispatch { sent, in_flight: 4 }, began(sent + SECOND, 4, Some(SECOND)));
        (limit, sent + SECOND * 2)
    }

    #[test]
    fn a_pushback_takes_three_tenths_of_what_was_in_flight_and_at_most_half_of_the_limit() {
        let (mut limit, now) = (AdaptiveLimit::new(policy(4, 100)), origin());
        limit.on_pushback(Dispatch { sent: now, in_flight: 90 }, now);
        assert_eq!(limit.get().get(), 63);
        let later = now + SECOND;
        limit.on_pushback(Dispatch { sent: later, in_flight: 2 }, later);
        assert_eq!(limit.get().get(), 31);
    }

    #[test]
    fn ten_refusals_of_one_burst_are_one() {
        let (mut limit, now) = (AdaptiveLimit::new(policy(4, 100)), origin());
        for in_flight in 91..=100 {
            limit.on_pushback(Dispatch { sent: now, in_flight }, now + SECOND);
        }
        assert_eq!(limit.get().get(), 63);
    }

    #[test]
    fn a_round_of_answers_adds_one_while_half_of_the_limit_is_used() {
        let (mut limit, start) = (AdaptiveLimit::new(policy(4, 100)), origin());
        limit.on_pushback(Dispatch { sent: start, in_flight: 20 }, start);
        limit.on_pushback(Dispatch { sent: start + SECOND, in_flight: 20 }, start + SECOND);
        assert_eq!(limit.get().get(), 25);
        let sent = start + SECOND * 2;
        for _ in 0..1000 {
            limit.on_answer(Dispatch { sent, in_flight: 12 }, began(sent + SECOND, 12, None));
        }
        assert_eq!(limit.get().get(), 25, "less than half of it was used");
        for _ in 0..26 {
            limit.on_answer(Dispatch { sent, in_flight: 13 }, began(sent + SECOND, 13, None));
        }
        assert_eq!(limit.get().get(), 26);
    }

    #[test]
    fn a_rising_time_to_first_content_lowers_it_before_anything_is_refused() {
        let (mut limit, mut now) = measured(policy(4, 40));
        now = round(&mut limit, now, SECOND);
        assert_eq!(limit.get().get(), 40, "nothing is slow");
        now = round(&mut limit, now, SECOND * 3);
        assert!(limit.get().get() < 40, "{limit:?}");
        let lowered = limit.get().get();
        round(&mut limit, now, SECOND);
        assert!(limit.get().get() >= lowered, "it is judged afresh");
    }

    #[test]
    fn one_slow_answer_is_no_trend() {
        let (mut limit, sent) = measured(policy(4, 40));
        limit.on_answer(Dispatch { sent, in_flight: 40 }, began(sent + SECOND * 1000, 40, Some(SECOND * 1000)));
        assert_eq!(limit.get().get(), 40);
    }

    #[test]
    fn whole_answers_say_nothing_of_time() {
        let (mut limit, sent) = measured(policy(4, 40));
        for _ in 0..100 {
            limit.on_answer(Dispatch { sent, in_flight: 40 }, began(sent + SECOND * 60, 40, None));
        }
        assert_eq!(limit.get().get(), 40);
    }

    #[test]
    fn at_the_floor_a_lasting_change_becomes_the_measure() {
        let (mut limit, mut now) = measured(policy(4, 40));
        let mut lowest = limit.get().get();
        for _ in 0..200 {
            now = round(&mut limit, now, SECOND * 5);
            lowest = lowest.min(limit.get().get());
        }
        assert_eq!((lowest, limit.get().get()), (4, 40), "five seconds are what the instance takes by now");
    }

    /// An upstream that serves twenty at once in a second each, and queues what is more. Returns where the limit settles.
    fn settle(ceiling: u32, requests: u32) -> u32 {
        let (mut limit, mut now) = measured(policy(4, ceiling));
        for _ in 0..500 {
            let demand = requests.min(limit.get().get());
            now = round_of(&mut limit, now, demand);
        }
        limit.get().get()
    }

    fn round_of(limit: &mut AdaptiveLimit, sent: Instant, demand: u32) -> Instant {
        let mut end = sent;
        for in_flight in 1..=demand {
            let time = SECOND * in_flight.div_ceil(20);
            end = end.max(sent + time);
            limit.on_answer(Dispatch { sent, in_flight }, began(sent + time, demand, Some(time)));
        }
        end + Duration::from_millis(1)
    }

    #[test]
    fn it_settles_about_what_an_upstream_takes_without_queueing() {
        let settled = settle(200, 1000);
        assert!((15..=80).contains(&settled), "{settled}");
    }

    #[derive(Debug, Clone)]
    enum Happens {
        Answer(u32, Option<u64>),
        Pushback(u32),
        Bounds(u32, u32),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            4 => (0_u32..300, prop::option::of(0_u64..100_000)).prop_map(|(busy, time)| Happens::Answer(busy, time)),
            1 => (0_u32..300).prop_map(Happens::Pushback),
            1 => (1_u32..50, 1_u32..300).prop_map(|(floor, ceiling)| Happens::Bounds(floor, ceiling)),
        ]
    }

    proptest! {
        #[test]
        fn it_never_leaves_its_bounds_and_answers_alone_raise_it_by_one_a_round(
            events in prop::collection::vec((0_u64..5000, happens()), 1..200),
        ) {
            let (mut bounds, mut now) = (policy(2, 64), origin());
            let mut limit = AdaptiveLimit::new(bounds);
            for (wait, event) in events {
                let (sent, before) = (now, limit.get().get());
                now += Duration::from_millis(wait);
                match event {
                    Happens::Answer(in_flight, time) => {
                        let time = time.map(Duration::from_millis);
                        limit.on_answer(Dispatch { sent, in_flight }, began(now, in_flight, time));
                        prop_assert!(limit.get().get() <= before + 1);
                        prop_assert!(in_flight * 2 >= before || limit.get().get() <= before, "it grew unused");
                    }
                    Happens::Pushback(in_flight) => {
                        limit.on_pushback(Dispatch { sent, in_flight }, now);
                        prop_assert!(limit.get().get() <= before);
                        prop_assert!(limit.get().get() >= before / 2, "more than half at once");
                    }
                    Happens::Bounds(floor, ceiling) => {
                        bounds = policy(floor, ceiling);
                        limit = limit.under(bounds);
                    }
                }
                let (floor, ceiling) = (bounds.floor.get(), bounds.ceiling.max(bounds.floor).get());
                prop_assert!((floor..=ceiling).contains(&limit.get().get()), "{limit:?}");
            }
        }

        #[test]
        fn an_instance_that_keeps_pushing_back_comes_down_to_the_floor(floor in 1_u32..20, above in 1_u32..500) {
            let (mut limit, mut now) = (AdaptiveLimit::new(policy(floor, floor + above)), origin());
            for _ in 0..20 {
                limit.on_pushback(Dispatch { sent: now, in_flight: limit.get().get() }, now);
                now += SECOND;
            }
            prop_assert_eq!(limit.get().get(), floor);
        }
    }
}
