//! Definitions that lead back to themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::{pool::Pool, task_group::TaskGroup};

/// What leads where, by names that people can read.
pub type Edges = BTreeMap<String, Vec<String>>;

/// Every cycle among `edges`, as the path from the name in it that comes first back to itself. Of the cycles through one name,
/// one is found, and a shortest one.
pub fn cycles(edges: &Edges) -> Vec<Vec<String>> {
    let mut cycles = Vec::new();
    let mut on_a_cycle: BTreeSet<&str> = BTreeSet::new();
    for start in edges.keys() {
        if on_a_cycle.contains(&**start) {
            continue;
        }
        if let Some(path) = path_back(start, edges) {
            on_a_cycle.extend(path.iter().copied());
            cycles.push(path.into_iter().map(ToOwned::to_owned).collect());
        }
    }
    cycles
}

/// The shortest way from a name back to itself, found breadth first.
fn path_back<'a>(start: &'a str, edges: &'a Edges) -> Option<Vec<&'a str>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut frontier = std::collections::VecDeque::from([start]);
    while let Some(at) = frontier.pop_front() {
        for next in edges.get(at).into_iter().flatten() {
            if !from.contains_key(&**next) {
                from.insert(next, at);
                frontier.push_back(next);
            }
        }
        if from.contains_key(start) {
            break;
        }
    }
    let mut path = vec![start];
    let mut at = *from.get(start)?;
    while at != start {
        path.push(at);
        at = from.get(at)?;
    }
    path.push(start);
    path.reverse();
    Some(path)
}

/// Who falls back to whom. What falls back to a part of itself is left out: it is asked once, whatever names it.
pub fn fallback_edges<'a>(
    pools: impl IntoIterator<Item = &'a Pool>,
    groups: impl IntoIterator<Item = &'a TaskGroup>,
) -> Edges {
    let of_pools = pools.into_iter().map(|pool| {
        let others = pool.policy().fallback_pools.iter().filter(|other| *other != pool.name());
        (format!("pool {}", pool.name()), others.map(|other| format!("pool {other}")).collect())
    });
    let of_groups = groups.into_iter().map(|group| {
        let fallback = group.fallback();
        let groups = fallback.groups.iter().map(|reference| &reference.group).filter(|other| *other != group.name());
        let groups = groups.map(|other| format!("task group {other}"));
        let pools = fallback.pools.iter().map(|pool| format!("pool {pool}"));
        (format!("task group {}", group.name()), groups.chain(pools).collect())
    });
    of_pools.chain(of_groups).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(pairs: &[(&str, &str)]) -> Edges {
        let mut edges = Edges::new();
        for (from, to) in pairs {
            edges.entry((*from).to_owned()).or_default().push((*to).to_owned());
        }
        edges
    }

    #[test]
    fn a_cycle_is_shown_once_from_its_first_name() {
        let found = cycles(&edges(&[("c", "a"), ("a", "b"), ("b", "c"), ("b", "x"), ("x", "y")]));
        assert_eq!(found, [["a", "b", "c", "a"]]);
    }

    #[test]
    fn what_leads_to_itself_is_a_cycle() {
        assert_eq!(cycles(&edges(&[("a", "a")])), [["a", "a"]]);
    }

    #[test]
    fn two_ways_to_one_place_are_none() {
        assert!(cycles(&edges(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])).is_empty());
    }

    proptest! {
        #[test]
        fn every_path_follows_the_edges_and_without_them_nobody_comes_back(
            pairs in prop::collection::vec((0_u8..8, 0_u8..8), 0..20),
        ) {
            let mut graph = Edges::new();
            for (from, to) in &pairs {
                graph.entry(from.to_string()).or_default().push(to.to_string());
            }
            let found = cycles(&graph);
            for path in &found {
                prop_assert_eq!(path.first(), path.last());
                prop_assert!(path.windows(2).all(|step| graph[&step[0]].contains(&step[1])));
            }
            // Whoever can be walked away from for ever stands on a cycle or leads to one.
            let endless = graph.keys().any(|start| {
                let mut at = vec![start.clone()];
                for _ in 0..=graph.len() {
                    at = at.iter().filter_map(|name| graph.get(name)).flatten().cloned().collect();
                    at.sort();
                    at.dedup();
                }
                !at.is_empty()
            });
            prop_assert_eq!(endless, !found.is_empty());
        }
    }
}
