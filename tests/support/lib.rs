//! What the layered tests share: fakes, a composed engine, a faulty upstream.

pub mod frames;
pub mod kept;
pub mod random_json;
pub mod scripted;
pub mod served;
pub mod upstream;
pub mod world;
pub mod written;
