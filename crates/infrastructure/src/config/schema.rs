//! The JSON Schema of a root file, for editors.
//!
//! It knows names, types, ranges and choices. It does not know what is required, since a file may inherit it or leave it to
//! another one, nor what concerns several keys; `tidegate check` does.

use serde_json::{Map, Value, json};

use super::{
    describe::DefaultValue,
    journal::Form,
    keys::{Key, last, parent},
};

/// What a variable in place of a value looks like.
const VARIABLE: &str = r"\$\{";

/// The schema of these keys, as indented JSON.
pub fn schema(keys: &[Key]) -> String {
    let mut root = object(keys, "");
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Tidegate configuration"));
    // Maps of text and values: it cannot fail to serialise.
    serde_json::to_string_pretty(&Value::Object(root)).unwrap_or_default() + "\n"
}

/// The table whose keys are below `path`.
fn object(keys: &[Key], path: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in keys.iter().filter(|key| parent(&key.path) == path) {
        let described = property(keys, key);
        for older in &key.older {
            let mut described = described.clone();
            described.insert("deprecated".to_owned(), json!(true));
            properties.insert((*older).to_owned(), Value::Object(described));
        }
        properties.insert(last(&key.path).to_owned(), Value::Object(described));
    }
    let object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let Value::Object(object) = object { object } else { Map::new() }
}

fn property(keys: &[Key], key: &Key) -> Map<String, Value> {
    let mut forms: Vec<Value> = key.forms.iter().flat_map(|form| values(keys, key, form)).collect();
    forms.dedup();
    let mut described = match (forms.pop(), forms.is_empty()) {
        (Some(Value::Object(only)), true) => only,
        (last, _) => {
            forms.extend(last);
            Map::from_iter([("anyOf".to_owned(), Value::Array(forms))])
        }
    };
    described.insert("description".to_owned(), json!(key.meaning));
    if let DefaultValue::Is(value) | DefaultValue::Within(value) = key.default
        && let Ok(value) = serde_json::from_str::<Value>(value)
    {
        described.insert("default".to_owned(), value);
    }
    described
}

fn values(keys: &[Key], key: &Key, form: &Form) -> Vec<Value> {
    let text = || json!({ "type": "string" });
    let variable = || json!({ "type": "string", "pattern": VARIABLE });
    match form {
        Form::Text | Form::Secret => vec![text()],
        Form::Integer => vec![number(key, "integer"), variable()],
        Form::Number => vec![number(key, "number"), variable()],
        Form::Flag => vec![json!({ "type": "boolean" }), variable()],
        Form::Choice(words) => vec![json!({ "enum": words }), variable()],
        Form::IntegerOrText => vec![number(key, "integer"), text()],
        Form::Texts => {
            // Where there is only one file to inherit from, it may stand alone.
            let alone = if key.path == "inherits_from" { text() } else { variable() };
            vec![json!({ "type": "array", "items": text() }), alone]
        }
        Form::Secrets => vec![json!({ "type": "object", "additionalProperties": text() }), variable()],
        Form::Table => vec![Value::Object(object(keys, &key.path))],
        Form::Tables => {
            vec![json!({ "type": "array", "items": object(keys, &format!("{}[]", key.path)) })]
        }
        Form::Entries => {
            vec![json!({ "type": "object", "additionalProperties": object(keys, &format!("{}.*", key.path)) })]
        }
    }
}

fn number(key: &Key, kind: &str) -> Value {
    let bound = |bound: &Option<String>| bound.as_deref().and_then(|bound| serde_json::from_str::<Value>(bound).ok());
    let mut number = Map::from_iter([("type".to_owned(), json!(kind))]);
    number.extend(bound(&key.bounds.min).map(|min| ("minimum".to_owned(), min)));
    number.extend(bound(&key.bounds.max).map(|max| ("maximum".to_owned(), max)));
    Value::Object(number)
}
