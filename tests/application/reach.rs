//! Wherever groups fall back to: nobody is asked whom no one named, and nobody twice in a round.

use std::{collections::BTreeSet, num::NonZeroU32};

use layered_tests::{scripted::Act, world::Plan};
use proptest::prelude::*;
use tidegate_domain::{
    fault::FaultKind,
    task_group::{FallbackPolicy, FallbackStrategy, GroupReference},
};

const STRATEGIES: [FallbackStrategy; 4] = [
    FallbackStrategy::TierDown,
    FallbackStrategy::ModelRotate,
    FallbackStrategy::ProviderFailover,
    FallbackStrategy::GroupFallback,
];

/// What a group is made of: the models of its tiers, its strategy, and the later groups that it names, some by a tier.
type Sketch = (Vec<Vec<u8>>, usize, Vec<(usize, Option<usize>)>);

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let tiers = prop::collection::vec(prop::collection::btree_set(0_u8..6, 1..4), 1..4);
    let tiers = tiers.prop_map(|tiers| tiers.into_iter().map(|tier| tier.into_iter().collect()).collect());
    let named = prop::collection::vec((0_usize..4, prop::option::of(0_usize..3)), 0..4);
    prop::collection::vec((tiers, 0..STRATEGIES.len(), named), 1..5)
}

/// Groups `g0`, `g1`, ... that only name later ones; a model is called after its group and tier.
fn plan(sketches: &[Sketch]) -> (Plan, BTreeSet<String>) {
    let models = |group: usize, tier: usize| {
        let models = sketches[group].0[tier].iter();
        models.map(move |model| format!("p{}:g{group}t{tier}m{model}", model % 3)).collect::<Vec<_>>()
    };
    let mut plan = Plan::default();
    for (at, (tiers, strategy, named)) in sketches.iter().enumerate() {
        let groups: Vec<_> =
            named.iter().filter_map(|&(skip, tier)| reference(sketches, at + 1 + skip, tier)).collect();
        let strategy = match STRATEGIES[*strategy] {
            FallbackStrategy::GroupFallback if groups.is_empty() => FallbackStrategy::ModelRotate,
            strategy => strategy,
        };
        let max_attempts = NonZeroU32::new(100).unwrap();
        let fallback = FallbackPolicy { strategy, groups, max_attempts, ..FallbackPolicy::default() };
        let models: Vec<Vec<String>> = (0..tiers.len()).map(|tier| models(at, tier)).collect();
        let tiers: Vec<Vec<&str>> = models.iter().map(|tier| tier.iter().map(String::as_str).collect()).collect();
        let tiers: Vec<&[&str]> = tiers.iter().map(Vec::as_slice).collect();
        plan = plan.group_with(&format!("g{at}"), &tiers, fallback);
    }
    let (tiers, strategy, named) = &sketches[0];
    let own = if STRATEGIES[*strategy].goes_down() { tiers.len() } else { 1 };
    let mut allowed: BTreeSet<String> = (0..own).flat_map(|tier| models(0, tier)).collect();
    for &(skip, tier) in named {
        let Some(GroupReference { tier, .. }) = reference(sketches, 1 + skip, tier) else { continue };
        let all = 0..sketches[1 + skip].0.len();
        let meant = all.filter(|at| tier.as_ref().is_none_or(|tier| tier.as_str() == format!("tier{}", at + 1)));
        allowed.extend(meant.flat_map(|tier| models(1 + skip, tier)));
    }
    (plan, allowed)
}

fn reference(sketches: &[Sketch], group: usize, tier: Option<usize>) -> Option<GroupReference> {
    let tiers = sketches.get(group)?.0.len();
    let tier = tier.filter(|tier| *tier < tiers).map(|tier| format!("tier{}", tier + 1).parse().unwrap());
    Some(GroupReference { group: format!("g{group}").parse().unwrap(), tier })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_asks_everybody_whom_it_was_sent_to_once_and_nobody_else(sketches in sketches()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (plan, allowed) = plan(&sketches);
        let asked: Vec<String> = runtime.block_on(async move {
            let world = plan.start().await;
            world.scripts.improvise(|_, _| Act::fail(FaultKind::ModelMissing));
            world.complete("g0").await.unwrap_err();
            let attempts = world.diary.attempts();
            attempts.iter().map(|attempt| attempt.split_once(' ').unwrap().0.to_owned()).collect()
        });
        let distinct: BTreeSet<String> = asked.iter().cloned().collect();
        prop_assert_eq!(distinct.len(), asked.len(), "somebody was asked twice: {:?}", asked);
        prop_assert!(distinct.is_subset(&allowed), "{:?} is not within {:?}", distinct, allowed);
        // The retry budget pays for ten more than the first.
        if allowed.len() <= 10 {
            prop_assert_eq!(distinct, allowed);
        }
    }
}
