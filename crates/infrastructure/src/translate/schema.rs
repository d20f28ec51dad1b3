//! What some providers demand of a schema: that no object in it is open.

use super::{
    fields::{Fields, elements},
    json::object,
    raw::Raw,
};

/// Keys under which schemas stand by names of their own.
const NAMED: [&str; 4] = ["properties", "$defs", "definitions", "patternProperties"];
/// Keys under which schemas stand in a list.
const LISTED: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// The key that says whether an object is closed.
const MORE: &str = "additionalProperties";

/// The schema with each of its objects closed that names its properties and does not say whether it may have others. What fits it fits the
/// schema that it was. An object without properties stays as it is: closed, it would have to be empty.
pub(super) fn closed(schema: Raw<'_>) -> String {
    let Ok(fields) = Fields::of(String::new(), schema) else { return schema.get().to_owned() };
    let (mut names_properties, mut says_more) = (false, false);
    let mut out = Vec::new();
    object(&mut out, |root| {
        for (_, key, value) in fields.into_entries() {
            names_properties |= key == "properties" && value.get().len() > 2;
            says_more |= key == MORE;
            match &*key {
                key if NAMED.contains(&key) => root.put_foreign(key, &each_closed(value)),
                key if LISTED.contains(&key) => root.put_foreign(key, &all_closed(value)),
                key @ ("items" | MORE | "not") => root.put_foreign(key, &closed(value)),
                key => root.put_foreign(key, value.get()),
            }
        }
        if names_properties && !says_more {
            root.put(MORE, &false);
        }
    });
    String::from_utf8_lossy(&out).into_owned()
}

fn each_closed(schemas: Raw<'_>) -> String {
    let Ok(fields) = Fields::of(String::new(), schemas) else { return schemas.get().to_owned() };
    let mut out = Vec::new();
    object(&mut out, |root| {
        fields.into_entries().for_each(|(_, key, schema)| root.put_foreign(&key, &closed(schema)));
    });
    String::from_utf8_lossy(&out).into_owned()
}

fn all_closed(schemas: Raw<'_>) -> String {
    let Ok(schemas) = elements("", schemas) else { return schemas.get().to_owned() };
    let schemas: Vec<String> = schemas.into_iter().map(|(_, schema)| closed(schema)).collect();
    format!("[{}]", schemas.join(","))
}

/// Whether OpenAI would take it for a strict one: every object is closed and requires whatever it names.
pub(super) fn is_strict(schema: Raw<'_>) -> bool {
    let Ok(value) = serde_json::from_str(schema.get()) else { return false };
    has_strict_objects(&value)
}

fn has_strict_objects(schema: &serde_json::Value) -> bool {
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    let required = schema.get("required").and_then(serde_json::Value::as_array);
    let is_required = |name: &String| required.is_some_and(|required| required.iter().any(|word| word == name));
    let is_object = properties.is_some() || schema.get("type").is_some_and(|kind| kind == "object");
    let is_whole = properties.is_none_or(|properties| properties.keys().all(is_required));
    let is_closed = !is_object || (schema.get(MORE) == Some(&false.into()) && is_whole);
    let named = NAMED.iter().filter_map(|key| schema.get(key)?.as_object()).flat_map(|schemas| schemas.values());
    let listed = LISTED.iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    is_closed && named.chain(listed).chain(schema.get("items")).all(has_strict_objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(closed(Raw::of(text)), expected);
    }

    #[test]
    fn an_object_that_names_its_properties_is_closed_wherever_it_stands() {
        check(
            r#"{"type":"object","properties":{"n":{"default":1.10}}}"#,
            r#"{"type":"object","properties":{"n":{"default":1.10}},"additionalProperties":false}"#,
        );
        let inner = r#"{"properties":{"a":{}}}"#;
        let shut = r#"{"properties":{"a":{}},"additionalProperties":false}"#;
        for (outside, behind) in [
            (r#"{"items":"#, "}"),
            (r#"{"anyOf":[{},"#, "]}"),
            (r#"{"$defs":{"d":"#, "}}"),
            (r#"{"additionalProperties":"#, "}"),
        ] {
            check(&format!("{outside}{inner}{behind}"), &format!("{outside}{shut}{behind}"));
        }
    }

    #[test]
    fn what_says_whether_it_is_open_or_names_nothing_stays_as_it_is() {
        for text in [
            r#"{"properties":{"a":{}},"additionalProperties":true}"#,
            r#"{"type":"object"}"#,
            r#"{"properties":{}}"#,
            r#"{"enum":[{"properties":{"a":1}}]}"#,
            "true",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_strict_schema_is_closed_and_requires_what_it_names() {
        let of = |more: &str| format!(r#"{{"type":"object","properties":{{"a":{{}}}}{more}}}"#);
        let whole = of(r#","additionalProperties":false,"required":["a"]"#);
        for (text, expected) in [
            (&*whole, true),
            (&format!(r#"{{"anyOf":[{whole},{{"type":"null"}}]}}"#), true),
            ("{}", true),
            (&of(r#","additionalProperties":false"#), false),
            (&of(r#","required":["a"]"#), false),
            (r#"{"type":"array","items":{"type":"object"}}"#, false),
        ] {
            assert_eq!(is_strict(Raw::of(text)), expected, "{text}");
        }
    }
}
