//! What some protocols say of a request beside its body.

/// The model and the manner of the answer, where a protocol names them beside the body: in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The model as the caller named it.
    pub model: Box<str>,
    /// Whether the caller asked for a stream.
    pub stream: bool,
}
