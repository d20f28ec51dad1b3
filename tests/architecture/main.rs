//! The rules that no compiler keeps: which layer may use what, how long a file gets, and that the documentation holds.
//!
//! Each rule is a pure function over text or a short list, so that a second test can show it something forbidden. What
//! reads the real workspace stands in [`workspace`].

mod configuration;
mod documentation;
mod layers;
mod sources;
mod workspace;
