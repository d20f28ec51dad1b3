//! One reachable model endpoint with a credential, and its share of the traffic.

use std::num::NonZeroU32;

use crate::name::{InstanceId, KeyName, ModelRef};

/// An instance's share of the traffic: 1 by default, 0 drains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// The largest weight; it keeps the sums of a rotation far from overflow.
    pub const MAX: u32 = 1_000_000;

    /// Accepts 0 to [`Weight::MAX`].
    pub fn new(weight: u32) -> Option<Self> {
        (weight <= Self::MAX).then_some(Self(weight))
    }

    /// Whether the instance gets no new requests.
    pub fn is_drained(self) -> bool {
        self.0 == 0
    }

    /// The weight as a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1)
    }
}

/// The definition of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    /// Unique within its pool or tier.
    pub id: InstanceId,
    /// The model it serves, at its provider.
    pub model: ModelRef,
    /// Its share of the traffic.
    pub weight: Weight,
    /// The most requests it serves at once; unlimited if absent.
    pub max_concurrency: Option<NonZeroU32>,
    /// Where it is, if not at its provider's base URL.
    pub base_url: Option<Box<str>>,
    /// Which of its provider's named keys it is asked with; the provider's own if absent.
    pub key: Option<KeyName>,
}

impl InstanceSpec {
    /// An instance with weight 1, no limit, at its provider's base URL and with its key.
    pub fn new(id: InstanceId, model: ModelRef) -> Self {
        Self { id, model, weight: Weight::default(), max_concurrency: None, base_url: None, key: None }
    }
}
