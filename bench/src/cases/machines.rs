//! The state machines that a request passes: the circuit breaker, and what admission is made of.

use std::{hint::black_box, num::NonZeroU32, time::Instant};

use tidegate::domain::{
    admission::{FairQueue, Priority, RateLimit, RateLimitPolicy},
    pool::Random,
    resilience::{BreakerPolicy, CircuitBreaker},
};

use super::Case;

/// A pass of a closed circuit, and a success.
pub(super) fn breaker() -> Case {
    Case::new("breaker, pass and success", || {
        let (mut breaker, mut random) = (CircuitBreaker::new(BreakerPolicy::default()), Random::with_seed(1));
        let now = Instant::now();
        move || {
            if let Ok(pass) = breaker.acquire(black_box(now)) {
                black_box(breaker.on_success(pass, now, &mut random));
            }
        }
    })
}

/// A reservation under a sliding window, and its settlement.
pub(super) fn rate_limit() -> Case {
    Case::new("rate limit, reserve and settle", || {
        let now = Instant::now();
        let mut limit = RateLimit::new(RateLimitPolicy::per_minute(NonZeroU32::MAX), now);
        move || {
            if let Ok(reservation) = limit.reserve(black_box(100), now) {
                limit.settle(reservation, black_box(0), now);
            }
        }
    })
}

/// Joining a queue in which 100 callers wait, and leaving it as the one whose turn it is.
pub(super) fn queue() -> Case {
    Case::new("queue of 100, join and leave", || {
        let (mut queue, now) = (FairQueue::new(1000), Instant::now());
        let mut caller = 0_u64;
        let mut join = move |queue: &mut FairQueue<u64, u64>| {
            caller += 1;
            // It is never full here.
            let _ = queue.push(caller, (caller % 10, Priority::default()), now);
        };
        (0..100).for_each(|_| join(&mut queue));
        move || {
            join(&mut queue);
            black_box(queue.pop(now));
        }
    })
}
