//! Names that are valid by construction.
//!
//! A name that exists is neither blank nor over-long and cannot be mistaken for another kind: pool and group names hold no
//! dot (`group.tier` splits at the first one) and no colon (`pool:x` splits there).

mod hasher;
mod model_ref;
mod target;

use std::{borrow::Borrow, fmt, sync::Arc};

pub use hasher::{NameHasher, NamedMap, with_named};
pub use model_ref::{InvalidModelRef, ModelRef};
pub use target::{InvalidTarget, Target};

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The longest instance id, in bytes: every reference with every model fits.
pub const MAX_INSTANCE_ID_BYTES: usize = 512;

/// A text that cannot serve as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{raw}' cannot name a {kind}: {problem}")]
pub struct InvalidName {
    /// What the text was meant to name.
    pub kind: &'static str,
    /// The text, shortened if it was long.
    pub raw: String,
    /// Why it cannot.
    pub problem: NameProblem,
}

/// Why a text cannot serve as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Nothing is there.
    #[error("a name has at least one character")]
    Empty,
    /// It is over the limit.
    #[error("a name has at most {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It holds a character that this kind of name does not allow.
    #[error("'{0}' is not allowed; use letters, digits, '-' and '_'")]
    Character(char),
}

fn checked(kind: &'static str, raw: &str, limit: usize, allowed: fn(char) -> bool) -> Result<Arc<str>, InvalidName> {
    let invalid = |problem| InvalidName { kind, raw: raw.chars().take(MAX_NAME_BYTES).collect(), problem };
    if raw.is_empty() {
        return Err(invalid(NameProblem::Empty));
    }
    if raw.len() > limit {
        return Err(invalid(NameProblem::TooLong { limit }));
    }
    if let Some(bad) = raw.chars().find(|&character| !allowed(character)) {
        return Err(invalid(NameProblem::Character(bad)));
    }
    Ok(raw.into())
}

fn plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

fn plain_or_dot(character: char) -> bool {
    plain(character) || character == '.'
}

fn visible(character: char) -> bool {
    !character.is_whitespace() && !character.is_control()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `raw` and makes a name of it.
            ///
            /// # Errors
            /// [`InvalidName`] says which rule `raw` breaks.
            pub fn new(raw: &str) -> Result<Self, InvalidName> {
                checked($kind, raw, $limit, $allowed).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(raw: &str) -> Result<Self, Self::Err> {
                Self::new(raw)
            }
        }
    };
}

name!(
    /// The name of a pool, unique within one gateway.
    PoolName, "pool", MAX_NAME_BYTES, plain
);
name!(
    /// The name of a task group, unique within one gateway.
    GroupName, "task group", MAX_NAME_BYTES, plain
);
name!(
    /// The name of a tier, unique within its task group; it may hold dots.
    TierName, "tier", MAX_NAME_BYTES, plain_or_dot
);
name!(
    /// The name of a wrapper, unique within one gateway.
    WrapperName, "wrapper", MAX_NAME_BYTES, plain
);
name!(
    /// The name of a configured provider.
    ProviderName, "provider", MAX_NAME_BYTES, plain_or_dot
);
name!(
    /// The name of one of a provider's keys; it is no secret, unlike the key.
    KeyName, "key", MAX_NAME_BYTES, plain_or_dot
);
name!(
    /// The id of an instance, unique within its pool or tier: chosen by the user, or `<reference>/<model>`.
    InstanceId, "instance", MAX_INSTANCE_ID_BYTES, visible
);

impl InstanceId {
    /// The id of the instance behind a bare model: the model's own name.
    pub fn of_model(model: &ModelRef) -> Self {
        Self(model.to_string().into())
    }

    /// The id within the whole gateway, where several owners may use one id: `<owner>/<id>`.
    #[must_use]
    pub fn within(&self, owner: &dyn fmt::Display) -> Self {
        Self(format!("{owner}/{}", self.0).into())
    }

    /// The id of an instance that a pool derives from a reference: `<reference>/<model>`.
    pub fn derived(group: &GroupName, tier: Option<&TierName>, model: &ModelRef) -> Self {
        match tier {
            Some(tier) => Self(format!("{group}.{tier}/{model}").into()),
            None => Self(format!("{group}/{model}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_name_holds_letters_digits_dash_and_underscore() {
        assert_eq!(PoolName::new("fast_pool-2").unwrap().as_str(), "fast_pool-2");
    }

    #[track_caller]
    fn check_rejected(raw: &str, problem: NameProblem) {
        assert_eq!(PoolName::new(raw).unwrap_err().problem, problem);
    }

    #[test]
    fn what_could_be_mistaken_for_a_reference_is_no_pool_name() {
        check_rejected("", NameProblem::Empty);
        check_rejected("a.b", NameProblem::Character('.'));
        check_rejected("pool:x", NameProblem::Character(':'));
        check_rejected("two words", NameProblem::Character(' '));
        check_rejected("schnell\u{e9}", NameProblem::Character('\u{e9}'));
        check_rejected(&"x".repeat(65), NameProblem::TooLong { limit: 64 });
    }

    #[test]
    fn a_tier_name_may_hold_dots() {
        assert_eq!(TierName::new("v1.5").unwrap().as_str(), "v1.5");
    }
}
