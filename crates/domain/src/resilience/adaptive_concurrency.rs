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
mod tests;
