//! The limit under answers, refusals and other policies, and before an upstream that queues what is too much.

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
fn an_instance_with_a_cap_of_its_own_moves_below_it() {
    let most = NonZeroU32::new;
    assert_eq!(policy(4, 300).within(most(40)), policy(4, 40));
    assert_eq!(policy(4, 300).within(most(2)), policy(2, 2));
    assert_eq!(policy(4, 300).within(None), policy(4, 300));
}

#[test]
fn one_that_was_never_lowered_follows_its_ceiling() {
    let mut limit = AdaptiveLimit::new(policy(4, 40)).under(policy(4, 100));
    assert_eq!(limit.get().get(), 100);
    limit.on_pushback(Dispatch { sent: origin(), in_flight: 100 }, origin());
    assert_eq!(limit.under(policy(4, 200)).get().get(), 70, "what was found out stays");
}

#[test]
fn what_was_sent_at_the_moment_of_a_pushback_is_of_the_same_burst() {
    let (mut limit, now) = (AdaptiveLimit::new(policy(4, 100)), origin());
    limit.on_pushback(Dispatch { sent: now, in_flight: 100 }, now);
    limit.on_pushback(Dispatch { sent: now, in_flight: 100 }, now);
    assert_eq!(limit.get().get(), 70);
}

#[test]
fn the_time_that_it_always_takes_is_not_slow_however_strict_the_policy() {
    let strict = AdaptivePolicy { slow_percent: NonZeroU32::new(100), ..policy(4, 40) };
    let (mut limit, now) = measured(strict);
    round(&mut limit, now, SECOND);
    assert_eq!(limit.get().get(), 40);
}

#[test]
fn one_slow_answer_of_a_fast_instance_is_no_trend_either() {
    let (mut limit, sent, time) = (AdaptiveLimit::new(policy(4, 40)), origin(), SECOND / 10);
    limit.on_answer(Dispatch { sent, in_flight: 4 }, began(sent + time, 4, Some(time)));
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
