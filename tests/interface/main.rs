//! The interface over real sockets: what a caller, an orchestrator and a signal see.

mod bodies;
mod cancellation;
mod configuration;
mod data_plane;
mod framing;
mod fuzz;
mod gateway;
mod instances;
mod lifecycle;
mod limits;
mod operations;
mod protocols;
mod scenarios;
mod second_reader;
mod selection;
mod simulation;
mod stage;
mod streams;
mod wire;
