//! Models: what one can do, how much it takes and what it costs, and what a request needs of one.
//!
//! A [`ModelCard`] says what is known of a model. Whatever it is silent about is unknown, and nobody is passed over for what
//! is unknown: a request goes there, and the provider has the last word.

mod capability;
mod card;
mod catalogue;
mod needs;
mod prices;

pub use capability::{Capabilities, Capability};
pub use card::ModelCard;
pub use catalogue::{ModelCatalogue, VendorCards};
pub use needs::{Doubts, RequestNeeds, Shortfall};
pub use prices::{Cost, Prices};
