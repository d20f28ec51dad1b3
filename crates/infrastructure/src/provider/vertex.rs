//! Vertex AI, as Google Cloud serves Gemini: where it is, where a model is asked there, and the tokens that it takes.
//!
//! The words are those of the Gemini API; what an answer means stands in [`super::gemini`]. Anthropic's models are asked in its own. Deliberately
//! absent: models of further makers, which speak OpenAI's protocol at an endpoint of its own.

mod assertion;
mod claude;
mod count;
mod credentials;
mod lease;
mod tokens;

use tidegate_domain::inference::{Dialect, Operation};

pub use self::credentials::{GoogleCredentials, InvalidCredentials};
pub(super) use self::{claude::versioned, count::plain_count, lease::Token, tokens::Tokens};
use super::{
    endpoint::{Paths, percent_encoded},
    gemini,
};

/// What everybody who speaks the protocol offers, each of some models.
pub(super) const EVERYWHERE: [Operation; 3] =
    [Operation::Converse(Dialect::Gemini), Operation::CountContents, Operation::Converse(Dialect::Messages)];

/// Where a project is asked: what stands in every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleCloud {
    /// The project that pays.
    pub project: String,
    /// Where it is worked: a region, `us`, `eu` or `global`.
    pub location: String,
}

impl GoogleCloud {
    /// Where Vertex AI itself is in that location.
    pub(crate) fn home(&self) -> String {
        match &*self.location {
            "global" => "https://aiplatform.googleapis.com/v1".to_owned(),
            several @ ("us" | "eu") => format!("https://aiplatform.{several}.rep.googleapis.com/v1"),
            region => format!("https://{region}-aiplatform.googleapis.com/v1"),
        }
    }

    /// What stands behind the base URL and before everything else.
    pub(super) fn path(&self) -> String {
        format!("/projects/{}/locations/{}", self.project, self.location)
    }
}

/// Where below a project and a location `model` is asked for an operation. A model that is none of Google's published ones is named with its
/// collection: `endpoints/123`.
pub(super) fn paths(operation: Operation, model: &str) -> Option<Paths> {
    if claude::is_one(model) {
        return claude::paths(operation, model);
    }
    let published = percent_encoded(model, |byte| byte == b'/');
    let model = if model.contains('/') { format!("/{published}") } else { format!("{MODELS}/{published}") };
    gemini::methods(operation, &model)
}

/// The collection of Google's published models.
pub(super) const MODELS: &str = "/publishers/google/models";

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(location: &str) -> GoogleCloud {
        GoogleCloud { project: "p".to_owned(), location: location.to_owned() }
    }

    #[test]
    fn a_location_has_its_host() {
        for (location, host) in [
            ("us-central1", "us-central1-aiplatform.googleapis.com"),
            ("global", "aiplatform.googleapis.com"),
            ("eu", "aiplatform.eu.rep.googleapis.com"),
        ] {
            assert_eq!(cloud(location).home(), format!("https://{host}/v1"));
        }
        assert_eq!(cloud("global").path(), "/projects/p/locations/global");
    }

    #[test]
    fn a_model_is_one_of_googles_unless_it_names_its_collection() {
        let paths = |model| paths(Operation::Converse(Dialect::Gemini), model).unwrap();
        assert_eq!(paths("gemini-2.5-pro").whole, "/publishers/google/models/gemini-2.5-pro:generateContent");
        assert_eq!(paths("endpoints/12").stream.unwrap(), "/endpoints/12:streamGenerateContent?alt=sse");
        assert_eq!(paths("a?b").whole, "/publishers/google/models/a%3Fb:generateContent");
        assert_eq!(super::paths(Operation::EmbedContents, "m"), None);
        assert_eq!(super::paths(Operation::Converse(Dialect::Messages), "gemini-2.5-pro"), None);
        assert_eq!(super::paths(Operation::Converse(Dialect::Gemini), "publishers/anthropic/models/c"), None);
    }
}
