//! Simulated days of bad luck: many requests at once over upstreams that fail three times in ten, in every way, while some
//! callers vanish and the configuration changes. Then the bad luck ends, and the gateway has two minutes to recover.
//!
//! Time is paused, everything runs on one thread, and every choice comes from a seed: the same seed makes the same day to
//! the letter, and a different log for the same seed betrays a clock, a thread or an order that nobody decided on.
//!
//! What must hold is numbered in [`invariants`].

mod day;
mod invariants;
mod upstreams;

use day::Day;

/// The seeds that a run goes through; more or fewer of them with `TIDEGATE_CHAOS_SEEDS`.
fn seeds() -> u64 {
    std::env::var("TIDEGATE_CHAOS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(500)
}

#[test]
fn nothing_is_lost_crossed_or_leaked_whatever_happens_and_all_is_well_when_it_ends() {
    for seed in 0..seeds() {
        Day::run(seed);
    }
}

#[test]
fn the_same_seed_makes_the_same_day() {
    let days: Vec<u64> = (1000..1005).map(Day::run).collect();
    assert_eq!(days, (1000..1005).map(Day::run).collect::<Vec<_>>());
    assert_ne!(days[0], days[1], "another seed makes another day");
}
