//! What the tests of several layers share.

pub mod upstream;
