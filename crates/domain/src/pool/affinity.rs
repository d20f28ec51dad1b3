//! Affinity: requests that have something in common go to the same instance, whose cache then knows their beginning.
//!
//! It is a preference, never a promise: an instance that cannot be asked, or has more than its share to do, is passed over for
//! the key's next one. Where a key goes follows from the key and the names of the instances alone (rendezvous hashing, Thaler
//! and Ravishankar 1998), so that gateways agree without talking, and whoever leaves or joins moves none but its own keys.

use std::{num::NonZeroU32, ops::Range};

use bytes::Bytes;

use super::InstanceSpec;
use crate::inference::{InferenceRequest, Parameter};

/// What requests are kept together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AffinitySource {
    /// What the caller's `x-tidegate-affinity` says.
    Header,
    /// `user`, the caller's own user.
    User,
    /// `prompt_cache_key`.
    PromptCacheKey,
    /// The beginning of `messages`.
    PromptPrefix,
}

impl AffinitySource {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Header, Self::User, Self::PromptCacheKey, Self::PromptPrefix];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::User => "user",
            Self::PromptCacheKey => "prompt_cache_key",
            Self::PromptPrefix => "prompt_prefix",
        }
    }

    /// The source of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }
}

/// How a pool keeps requests together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffinityPolicy {
    /// The sources of the key; the first one that a request has counts.
    pub by: Vec<AffinitySource>,
    /// How many bytes of `messages` are its beginning. A shorter prompt has no key: there is little to be cached.
    pub prefix_bytes: NonZeroU32,
    /// How much of its share an instance may have to do before it is passed over, in percent: 100 or more.
    pub max_load_factor: NonZeroU32,
}

/// What a request could be kept together with others by; nothing is computed until a pool wants to know.
#[derive(Debug, Clone, Default)]
pub struct AffinityHints {
    header: Option<u64>,
    body: Bytes,
    user: Option<Range<usize>>,
    prompt_cache_key: Option<Range<usize>>,
    messages: Option<Range<usize>>,
}

impl AffinityHints {
    /// The hints of a request whose caller sent a header with that [`digest`].
    pub fn of(request: &InferenceRequest, header: Option<u64>) -> Self {
        let span =
            |parameter| request.envelope().span(parameter).filter(|span| &request.body()[span.clone()] != b"null");
        Self {
            header,
            body: request.body().clone(),
            user: span(Parameter::User),
            prompt_cache_key: span(Parameter::PromptCacheKey),
            messages: span(Parameter::Messages).or_else(|| span(Parameter::Contents)),
        }
    }

    fn key(&self, source: AffinitySource, prefix_bytes: usize) -> Option<u64> {
        let at = |span: &Option<Range<usize>>| self.body.get(span.clone()?);
        let text = match source {
            AffinitySource::Header => return self.header,
            AffinitySource::User => at(&self.user)?,
            AffinitySource::PromptCacheKey => at(&self.prompt_cache_key)?,
            AffinitySource::PromptPrefix => at(&self.messages)?.get(..prefix_bytes)?,
        };
        Some(digest(text))
    }
}

impl AffinityPolicy {
    /// The key of a request; `None` if it has none of the sources.
    pub fn key(&self, hints: &AffinityHints) -> Option<u64> {
        let prefix_bytes = usize::try_from(self.prefix_bytes.get()).unwrap_or(usize::MAX);
        self.by.iter().find_map(|&source| hints.key(source, prefix_bytes))
    }
}

/// How strongly `key` pulls towards an instance: it prefers the one that pulls most. An instance pulls most for a part of all
/// keys that is in proportion to its weight.
pub fn pull(key: u64, instance: &InstanceSpec) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "the upper 53 bits fit a double exactly")]
    let chance = ((mix(key ^ digest(instance.id.as_str().as_bytes())) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // The bits of positive doubles are in the order of the doubles.
    (f64::from(instance.weight.get()) / -chance.ln()).to_bits()
}

/// A digest that is the same in every process and version: FNV-1a with a finish that spreads it.
pub fn digest(bytes: &[u8]) -> u64 {
    let fnv = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// The finish of `SplitMix64`.
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{name::InstanceId, pool::Weight};

    fn policy(by: &[AffinitySource]) -> AffinityPolicy {
        let number = |number| NonZeroU32::new(number).unwrap();
        AffinityPolicy { by: by.to_vec(), prefix_bytes: number(16), max_load_factor: number(125) }
    }

    fn hints(fields: &str, header: Option<u64>) -> AffinityHints {
        let body = format!(r#"{{"model":"m"{fields}}}"#);
        AffinityHints::of(&InferenceRequest::parse(body.into()).unwrap(), header)
    }

    fn key(by: AffinitySource, fields: &str) -> Option<u64> {
        policy(&[by]).key(&hints(fields, None))
    }

    #[test]
    fn every_source_is_found_by_its_word() {
        let words = AffinitySource::ALL.map(AffinitySource::as_str);
        assert_eq!(words, ["header", "user", "prompt_cache_key", "prompt_prefix"]);
        assert_eq!(words.map(AffinitySource::of_name), AffinitySource::ALL.map(Some));
        assert_eq!(AffinitySource::of_name("elsewhere"), None);
    }

    #[test]
    fn the_first_source_that_a_request_has_is_its_key() {
        let policy = policy(&[AffinitySource::Header, AffinitySource::PromptCacheKey, AffinitySource::User]);
        let both = r#","user":"u","prompt_cache_key":"c""#;
        assert_eq!(policy.key(&hints(both, Some(7))), Some(7));
        assert_eq!(policy.key(&hints(both, None)), key(AffinitySource::PromptCacheKey, both));
        assert_eq!(policy.key(&hints(r#","user":"u""#, None)), key(AffinitySource::User, both));
        assert_eq!(policy.key(&hints(r#","user":null"#, None)), None);
    }

    #[test]
    fn a_conversation_that_goes_on_keeps_its_key() {
        let messages = |rest: &str| key(AffinitySource::PromptPrefix, &format!(r#","messages":["a system"{rest}]"#));
        assert_eq!(messages(""), None, "shorter than the prefix");
        assert_eq!(messages(r#","more""#), messages(r#","more","and more""#));
        assert_ne!(messages(r#","more""#), messages(r#","else""#));
    }

    #[test]
    fn digests_are_the_same_for_ever() {
        assert_eq!(digest(b""), 0xf52a_15e9_a9b5_e89b);
        assert_ne!(digest(b"a"), digest(b"b"));
    }

    fn instance(id: usize, weight: u32) -> InstanceSpec {
        let mut spec = InstanceSpec::new(InstanceId::new(&format!("i{id}")).unwrap(), "sim:m".parse().unwrap());
        spec.weight = Weight::new(weight).unwrap();
        spec
    }

    fn preferred(key: u64, instances: &[InstanceSpec]) -> &str {
        instances.iter().max_by_key(|instance| pull(key, instance)).unwrap().id.as_str()
    }

    proptest! {
        #[test]
        fn whoever_leaves_moves_none_but_its_own_keys(count in 2_usize..8, gone in 0_usize..8, key: u64) {
            let before: Vec<_> = (0..count).map(|id| instance(id, 1)).collect();
            let mut after = before.clone();
            let gone = after.remove(gone % count);
            let (old, new) = (preferred(key, &before), preferred(key, &after));
            prop_assert!(old == new || old == gone.id.as_str());
        }

        #[test]
        fn whoever_is_drained_pulls_least(key: u64, weight in 1_u32..5) {
            prop_assert!(pull(key, &instance(0, 0)) < pull(key, &instance(1, weight)));
        }
    }

    #[test]
    fn keys_are_shared_out_by_weight() {
        let instances = [instance(0, 1), instance(1, 2), instance(2, 5)];
        let mut counts = [0_u32; 3];
        for number in 0..8000_u64 {
            let preferred = preferred(digest(&number.to_le_bytes()), &instances);
            counts[usize::from(preferred.as_bytes()[1] - b'0')] += 1;
        }
        // Within five standard deviations, and always the same.
        for (count, share) in counts.into_iter().zip([1000_u32, 2000, 5000]) {
            assert!(count.abs_diff(share) < 220, "{counts:?}");
        }
    }
}
