//! What is measured: the exchanges of the comparison, and the steps of a request one by one.

pub mod cases;
pub mod exchange;
