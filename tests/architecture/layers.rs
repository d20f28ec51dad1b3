//! The layer law: which crate of ours may depend on which, and in which layer a technology stays.
//!
//! The law is about declared dependencies. Cargo keeps it from there: a crate cannot name what it does not declare.

use crate::workspace;

const DOMAIN: &str = "tidegate-domain";
const APPLICATION: &str = "tidegate-application";
const INFRASTRUCTURE: &str = "tidegate-infrastructure";
const INTERFACE: &str = "tidegate-interface";
const ROOT: &str = "tidegate";
/// No layer, but a leaf that both sides of the wire stand on.
const HTTP1: &str = "tidegate-http1";

/// Each layer, with the layers that it may know.
const LAYERS: [(&str, &[&str]); 6] = [
    (HTTP1, &[]),
    (DOMAIN, &[]),
    (APPLICATION, &[DOMAIN]),
    (INFRASTRUCTURE, &[DOMAIN, HTTP1]),
    (INTERFACE, &[APPLICATION, HTTP1]),
    (ROOT, &[DOMAIN, APPLICATION, INFRASTRUCTURE, INTERFACE]),
];

/// Members that stand outside the house and may look into every room.
const OUTSIDE: [&str; 2] = ["layered-tests", "tidegate-bench"];

/// Technologies, with the one layer that may name them.
const CONFINED: [(&str, &str); 11] = [
    ("sqlx", INFRASTRUCTURE),
    ("toml", INFRASTRUCTURE),
    ("toml_edit", INFRASTRUCTURE),
    ("saphyr", INFRASTRUCTURE),
    ("validator", INFRASTRUCTURE),
    ("hyper-rustls", INFRASTRUCTURE),
    ("redis", INFRASTRUCTURE),
    ("axum", INTERFACE),
    ("clap", INTERFACE),
    ("anyhow", ROOT),
    ("mimalloc", ROOT),
];

/// The container: the composition root's own, and behind a feature elsewhere.
const CONTAINER: &str = "shaku";
/// The runtime: for every layer but the domain.
const RUNTIME: &str = "tokio";

/// How a crate uses a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Whoever builds the crate builds the dependency.
    Always,
    /// Behind a feature.
    Optional,
    /// In its tests only.
    Tests,
}

/// One declared dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    from: String,
    to: String,
    used: Use,
}

impl Edge {
    /// A dependency that is always built.
    pub(crate) fn new(from: &str, to: &str) -> Self {
        Self { from: from.to_owned(), to: to.to_owned(), used: Use::Always }
    }

    /// The same dependency, used so.
    pub(crate) fn used(self, used: Use) -> Self {
        Self { used, ..self }
    }
}

/// How `edge` breaks the law; `None` if it keeps it.
fn violation(edge: &Edge) -> Option<String> {
    let Edge { from, to, used } = edge;
    if OUTSIDE.contains(&from.as_str()) {
        return None;
    }
    let Some((_, known)) = LAYERS.iter().find(|(layer, _)| layer == from) else {
        return Some(format!("{from} has no place in the layers: give it one in LAYERS"));
    };
    let ours = OUTSIDE.contains(&to.as_str()) || LAYERS.iter().any(|(layer, _)| layer == to);
    if ours {
        return (!known.contains(&to.as_str())).then(|| format!("{from} must not know {to}"));
    }
    if *used == Use::Tests {
        return None;
    }
    technology_violation(edge)
}

fn technology_violation(Edge { from, to, used }: &Edge) -> Option<String> {
    let home = CONFINED.iter().find(|(technology, _)| technology == to).map(|(_, home)| *home);
    match (to.as_str(), home) {
        (_, Some(home)) if from != home => Some(format!("{to} stays in {home}, but {from} depends on it")),
        (CONTAINER, _) if from != ROOT && *used != Use::Optional => {
            Some(format!("{from} depends on {CONTAINER} without a feature"))
        }
        (RUNTIME, _) if from == DOMAIN => Some(format!("{from} has no runtime, but depends on {RUNTIME}")),
        _ => None,
    }
}

#[test]
fn the_workspace_keeps_the_layer_law() {
    let broken: Vec<_> = workspace::edges().iter().filter_map(violation).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_layer_is_a_crate_that_the_law_sees() {
    let edges = workspace::edges();
    for (layer, _) in LAYERS {
        assert!(edges.iter().any(|edge| edge.from == layer), "no dependency of {layer} was read");
    }
    assert!(edges.contains(&Edge::new(ROOT, INTERFACE)), "the edges between our own crates are missing");
}

#[test]
fn a_forbidden_edge_is_found() {
    forbidden(&Edge::new(DOMAIN, APPLICATION));
    forbidden(&Edge::new(DOMAIN, INFRASTRUCTURE));
    forbidden(&Edge::new(APPLICATION, INFRASTRUCTURE));
    forbidden(&Edge::new(APPLICATION, INTERFACE));
    forbidden(&Edge::new(INFRASTRUCTURE, APPLICATION));
    forbidden(&Edge::new(INFRASTRUCTURE, INTERFACE));
    forbidden(&Edge::new(INTERFACE, DOMAIN));
    forbidden(&Edge::new(INTERFACE, INFRASTRUCTURE));
    forbidden(&Edge::new(INTERFACE, ROOT));
    forbidden(&Edge::new("tidegate-dashboard", DOMAIN));
}

#[test]
fn a_layer_does_not_reach_up_even_in_its_tests() {
    forbidden(&Edge::new(APPLICATION, INFRASTRUCTURE).used(Use::Tests));
    forbidden(&Edge::new(DOMAIN, "layered-tests").used(Use::Tests));
}

#[test]
fn a_technology_outside_its_layer_is_found() {
    for (technology, home) in CONFINED {
        for (layer, _) in LAYERS.iter().filter(|(layer, _)| *layer != home) {
            forbidden(&Edge::new(layer, technology));
            forbidden(&Edge::new(layer, technology).used(Use::Optional));
        }
        allowed(&Edge::new(home, technology));
    }
}

#[test]
fn the_container_is_the_roots_and_behind_a_feature_elsewhere() {
    allowed(&Edge::new(ROOT, CONTAINER));
    allowed(&Edge::new(APPLICATION, CONTAINER).used(Use::Optional));
    forbidden(&Edge::new(APPLICATION, CONTAINER));
    forbidden(&Edge::new(DOMAIN, CONTAINER));
}

#[test]
fn the_runtime_is_for_every_layer_but_the_domain() {
    forbidden(&Edge::new(DOMAIN, RUNTIME));
    forbidden(&Edge::new(DOMAIN, RUNTIME).used(Use::Optional));
    allowed(&Edge::new(APPLICATION, RUNTIME));
}

#[test]
fn tests_may_use_any_technology() {
    allowed(&Edge::new(APPLICATION, "anyhow").used(Use::Tests));
    allowed(&Edge::new(DOMAIN, RUNTIME).used(Use::Tests));
    allowed(&Edge::new("layered-tests", "sqlx"));
}

#[track_caller]
fn forbidden(edge: &Edge) {
    assert!(violation(edge).is_some(), "{edge:?} should break the law");
}

#[track_caller]
fn allowed(edge: &Edge) {
    assert_eq!(violation(edge), None);
}
