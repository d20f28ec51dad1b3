//! Pools that would take their instances from themselves: a pool derives from a task group, one of whose tiers lists a pool,
//! which derives from a task group, and so on.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_domain::{
    name::PoolName,
    pool::{Pool, PoolMember},
    task_group::{TaskGroup, TierModel},
};

/// A step of a cycle: the tier, as `group.tier`, and the pool that it lists.
type Step<'a> = (String, &'a PoolName);

/// Every cycle, as the pool in it that comes first and the path from it back to itself.
pub(super) fn find<'a>(
    pools: impl IntoIterator<Item = &'a Pool>,
    groups: impl IntoIterator<Item = &'a TaskGroup>,
) -> Vec<(PoolName, String)> {
    let groups: BTreeMap<_, _> = groups.into_iter().map(|group| (group.name(), group)).collect();
    let steps: BTreeMap<_, _> = pools.into_iter().map(|pool| (pool.name(), steps(pool, &groups))).collect();
    let mut cycles = Vec::new();
    let mut on_a_cycle: BTreeSet<&PoolName> = BTreeSet::new();
    for &start in steps.keys() {
        if on_a_cycle.contains(start) {
            continue;
        }
        if let Some(path) = path_back(start, &steps) {
            let mut shown = format!("pool {start}");
            for (tier, pool) in path {
                on_a_cycle.insert(pool);
                shown.extend([" -> ", &tier, " -> pool ", pool.as_str()]);
            }
            cycles.push((start.clone(), shown));
        }
    }
    cycles
}

fn steps<'a>(pool: &'a Pool, groups: &BTreeMap<&'a tidegate_domain::name::GroupName, &'a TaskGroup>) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for member in pool.members() {
        let PoolMember::Reference { group, tier } = member else { continue };
        let Some(group) = groups.get(group) else { continue };
        for of in group.tiers().iter().filter(|of| tier.as_ref().is_none_or(|tier| tier == of.name())) {
            for model in of.models() {
                if let TierModel::Pool(pool) = model {
                    steps.push((format!("{}.{}", group.name(), of.name()), pool));
                }
            }
        }
    }
    steps
}

/// The shortest way from a pool back to itself, found breadth first.
fn path_back<'a>(start: &'a PoolName, steps: &BTreeMap<&'a PoolName, Vec<Step<'a>>>) -> Option<Vec<Step<'a>>> {
    let mut reached: BTreeMap<&PoolName, (&PoolName, &Step<'a>)> = BTreeMap::new();
    let mut frontier = vec![start];
    while let Some(from) = (!frontier.is_empty()).then(|| frontier.remove(0)) {
        for step in steps.get(from).into_iter().flatten() {
            if reached.contains_key(step.1) {
                continue;
            }
            reached.insert(step.1, (from, step));
            frontier.push(step.1);
        }
        if reached.contains_key(start) {
            break;
        }
    }
    let mut path = Vec::new();
    let mut at = start;
    loop {
        let (from, step) = reached.get(at)?;
        path.push((*step).clone());
        at = from;
        if at == start {
            path.reverse();
            return Some(path);
        }
    }
}
