//! A schema in Google's words as a JSON schema.
//!
//! Google's `Schema` is a part of `OpenAPI` 3.0: types in capitals, `nullable` beside the type, and whole numbers that may be
//! strings. What JSON schema has the same is copied as it was spelt.

use tidegate_domain::inference::Unfit;

use crate::translate::{
    fields::{Fields, elements},
    json::object,
    raw::{Json, Raw},
};

/// The JSON schema that says the same as the schema at `path`.
pub(super) fn json_schema(path: &str, schema: Raw<'_>) -> Result<Json, Unfit> {
    Ok(Json::of(converted(path, schema)?))
}

fn converted(path: &str, schema: Raw<'_>) -> Result<String, Unfit> {
    let mut fields = Fields::of(path.to_owned(), schema)?;
    let is_nullable = fields.read("nullable", "a boolean")?.unwrap_or(false);
    // It orders what the model writes; JSON schema has no order.
    fields.ignore("propertyOrdering");
    of_fields(fields, |key, path, value| match key {
        "type" => Ok(read_type(value, is_nullable)),
        "items" | "additionalProperties" if value.get().starts_with('{') => converted(path, value),
        "properties" | "$defs" | "defs" => {
            of_fields(Fields::of(path.to_owned(), value)?, |_, path, schema| converted(path, schema))
        }
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
            let schemas = elements(path, value)?;
            let schemas: Vec<String> =
                schemas.into_iter().map(|(path, schema)| converted(&path, schema)).collect::<Result<_, Unfit>>()?;
            Ok(format!("[{}]", schemas.join(",")))
        }
        // 64-bit numbers, which Google writes as strings.
        "maxItems" | "minItems" | "maxLength" | "minLength" | "maxProperties" | "minProperties" => {
            Ok(value.get().trim_matches('"').to_owned())
        }
        _ => Ok(value.get().to_owned()),
    })
}

/// An object whose fields are those of `fields`, each with the value that `convert` makes of it.
fn of_fields(
    fields: Fields<'_>,
    convert: impl Fn(&str, &str, Raw<'_>) -> Result<String, Unfit>,
) -> Result<String, Unfit> {
    let mut out = Vec::new();
    let mut read = Ok(());
    object(&mut out, |root| {
        read = fields
            .into_entries()
            .try_for_each(|(path, key, value)| convert(&key, &path, value).map(|value| root.put_foreign(&key, &value)));
    });
    read.map(|()| String::from_utf8_lossy(&out).into_owned())
}

/// A type in small letters; with `null` where that is a value as well.
fn read_type(value: Raw<'_>, is_nullable: bool) -> String {
    let kind = value.get().to_ascii_lowercase();
    if is_nullable && kind.starts_with('"') { format!(r#"[{kind},"null"]"#) } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: &str) {
        assert_eq!(json_schema("s", Raw::of(schema)).unwrap().get(), expected);
    }

    #[test]
    fn types_are_written_in_small_letters_wherever_a_schema_stands() {
        check(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","enum":["A"]},"l":{"type":"ARRAY","items":{"type":"NUMBER"}}},
            "required":["type"],"propertyOrdering":["l","type"]}"#,
            r#"{"type":"object","properties":{"type":{"type":"string","enum":["A"]},"l":{"type":"array","items":{"type":"number"}}},"required":["type"]}"#,
        );
        check(r#"{"anyOf":[{"type":"INTEGER"},{"type":"NULL"}]}"#, r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#);
    }

    #[test]
    fn what_may_be_null_says_so_in_its_type() {
        check(r#"{"nullable":true,"type":"STRING"}"#, r#"{"type":["string","null"]}"#);
        check(r#"{"nullable":false,"type":"STRING"}"#, r#"{"type":"string"}"#);
    }

    #[test]
    fn bounds_are_numbers_and_the_rest_stays_as_it_was_spelt() {
        check(r#"{"minItems":"1","max_items":2,"default":1.10}"#, r#"{"minItems":1,"max_items":2,"default":1.10}"#);
    }

    #[test]
    fn what_is_no_schema_is_refused_by_its_path() {
        let schema = Raw::of(r#"{"properties":{"a":7}}"#);
        assert_eq!(json_schema("s", schema).unwrap_err().param(), Some("s.properties.a"));
    }
}
