//! The steps of a request one by one, each as something that can be done over and over.
//!
//! The micro-benchmarks take their time, and the gate counts their instructions. Nothing here touches a socket, a disk or
//! another thread, so that the same step costs the same every time.

mod body;
mod engine;
mod machines;
mod rotation;
mod translation;

use std::fmt;

use tidegate::domain::pool::RotationKind;

/// The sizes of pools that are measured.
const SIZES: [usize; 3] = [2, 100, 10_000];

/// Something that can be done over and over.
pub struct Case {
    name: String,
    prepare: Box<dyn Fn() -> Box<dyn FnMut()>>,
}

impl Case {
    fn new<Step: FnMut() + 'static>(name: impl Into<String>, prepare: impl Fn() -> Step + 'static) -> Self {
        Self { name: name.into(), prepare: Box::new(move || Box::new(prepare())) }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes everything ready, so that each call of what comes back does the step once.
    pub fn prepare(&self) -> Box<dyn FnMut()> {
        (self.prepare)()
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Those whose instructions the gate counts.
pub fn gated() -> Vec<Case> {
    vec![
        body::envelope(),
        body::splice(),
        body::events(),
        machines::breaker(),
        machines::rate_limit(),
        machines::queue(),
        rotation::pick(RotationKind::RoundRobin, 2),
        rotation::pick(RotationKind::LeastConnections, 100),
        rotation::pick(RotationKind::LeastConnections, 10_000),
        engine::whole(RotationKind::RoundRobin, 1),
        engine::limited(),
        engine::among_pools(1000),
        engine::stream(),
        translation::request(),
        translation::answer(),
        translation::stream(),
    ]
}

/// All of them.
pub fn all() -> Vec<Case> {
    let mut cases = gated();
    for kind in RotationKind::ALL {
        cases.extend(SIZES.map(|size| rotation::pick(kind, size)));
        cases.extend(SIZES.map(|size| engine::whole(kind, size)));
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases.dedup_by(|a, b| a.name == b.name);
    cases
}
