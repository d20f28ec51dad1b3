//! The adapters against what they adapt.

mod persistence;
