//! Where a body in Google's words names once more the model that stands in its path.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{InferenceRequest, Operation, envelope::span_within, request::Edit};
use crate::json;

/// A request whose tokens are to be counted.
#[derive(Deserialize)]
struct CountWire<'a> {
    #[serde(borrow, rename = "generateContentRequest", alias = "generate_content_request")]
    request: Option<NamedWire<'a>>,
}

/// Texts whose vectors are wanted.
#[derive(Deserialize)]
struct VectorsWire<'a> {
    #[serde(borrow)]
    requests: Vec<NamedWire<'a>>,
}

#[derive(Deserialize)]
struct NamedWire<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

impl InferenceRequest {
    /// What changes where the body repeats its model. A body that cannot be read is passed on as it is.
    pub(super) fn repeated_models(&self, model: &str) -> Vec<Edit<'static>> {
        let body = &self.body()[..];
        let named = match self.operation() {
            Operation::CountContents => {
                serde_json::from_slice::<CountWire<'_>>(body).ok().and_then(|wire| wire.request).into_iter().collect()
            }
            Operation::EmbedContents => {
                serde_json::from_slice::<VectorsWire<'_>>(body).map_or_else(|_| Vec::new(), |wire| wire.requests)
            }
            _ => return Vec::new(),
        };
        let names = named.into_iter().filter_map(|request| request.model).filter(|name| name.get().starts_with('"'));
        let name = json::quoted(&resource(model));
        names.map(|known| (span_within(body, known.get()), name.clone().into())).collect()
    }
}

/// The name of a model with its collection.
fn resource(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Address, ParameterDefaults};

    #[track_caller]
    fn check(operation: Operation, body: &str, (model, expected): (&str, &str)) {
        let address = Address { model: "pool".into(), stream: false };
        let request = InferenceRequest::addressed(operation, body.to_owned().into(), address).unwrap();
        assert_eq!(request.body_for(model, &ParameterDefaults::default()), expected);
    }

    #[test]
    fn the_model_of_a_request_to_count_is_replaced_and_nothing_else() {
        let count = |body: &str, expected| check(Operation::CountContents, body, ("m", expected));
        count(
            r#"{ "generateContentRequest" : {"x":1e400,"model" : "models\/pool","contents":[]},"model":"pool"}"#,
            r#"{ "generateContentRequest" : {"x":1e400,"model" : "models/m","contents":[]},"model":"pool"}"#,
        );
        count(r#"{"generate_content_request":{"model":""}}"#, r#"{"generate_content_request":{"model":"models/m"}}"#);
        for body in [r#"{"contents":[{"model":"a"}]}"#, r#"{"generateContentRequest":{"model":7}}"#] {
            count(body, body);
        }
        let tuned = r#"{"generateContentRequest":{"model":"tunedModels/t"}}"#;
        check(Operation::CountContents, r#"{"generateContentRequest":{"model":"a"}}"#, ("tunedModels/t", tuned));
    }

    #[test]
    fn each_text_whose_vector_is_wanted_names_the_model() {
        check(
            Operation::EmbedContents,
            r#"{"requests":[{"model":"","content":{}},{"content":{},"model":"models/pool"}]}"#,
            ("m", r#"{"requests":[{"model":"models/m","content":{}},{"content":{},"model":"models/m"}]}"#),
        );
    }
}
