use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn is_json(text: &[u8]) -> bool {
    let read = Scanner::new(text).and_then(|mut scanner| {
        scanner.value()?;
        scanner.end()
    });
    read.is_ok()
}

#[track_caller]
fn check(text: &[u8]) {
    // What it skips it does not look at closely: a text is UTF-8 besides.
    let expected = std::str::from_utf8(text).is_ok() && serde_json::from_slice::<IgnoredAny>(text).is_ok();
    assert_eq!(is_json(text), expected, "{}", String::from_utf8_lossy(text));
}

#[test]
fn what_is_json_is_what_serde_json_takes() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nulls",
        "true",
        "false",
        "tru",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        "1.0",
        ".5",
        "1e",
        "1e+",
        "1E-7",
        "1.5e400",
        "\"\"",
        "\"a",
        "\"\\\"\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\ud800\"",
        "\"\t\"",
        "\"\\u0000\"",
        "[]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[[]",
        "{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"a\":1}x",
        " {\"a\" : [ 1 , {} ] } ",
        "\u{feff}1",
        "+1",
        "Infinity",
        "'a'",
        "[1]]",
        "{\"a\":1,\"a\":2}",
        "\"a string that is longer than sixteen bytes\"",
        "\"a string that is longer than sixteen\tbytes\"",
        "\"a string that is longer than sixteen bytes",
        "\"a string that is longer than sixteen bytes\\\"",
    ] {
        check(text.as_bytes());
    }
    check(b"\"\xff\"");
    check(b"{\"\xc3\":1}");
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels| ["[".repeat(levels), "]".repeat(levels)].concat();
    assert!(is_json(nested(MAX_DEPTH).as_bytes()));
    assert!(!is_json(nested(MAX_DEPTH + 1).as_bytes()));
    assert!(!is_json(nested(1_000_000).as_bytes()));
}

#[test]
fn fields_are_told_with_their_values_as_they_are_spelt() {
    let mut seen = Vec::new();
    let mut scanner = Scanner::new(br#" {"a" : 1.10, "b\u0063":[ "x" ],"d":{"e":null}} "#).unwrap();
    let read = scanner.object(|scanner, key| {
        let key = key.to_owned();
        scanner.value().map(|value| seen.push((key, value)))
    });
    assert_eq!(read.and_then(|()| scanner.end()), Ok(()));
    let expected = [("a", "1.10"), ("bc", "[ \"x\" ]"), ("d", "{\"e\":null}")];
    assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value)));
}

fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no word for it", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        "\\PC{0,40}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    scalar.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            prop::collection::vec(("[a-z\\\\\"]{0,3}", inner), 0..4).prop_map(|fields| {
                let field = |(key, value)| format!("{}:{value}", serde_json::Value::from(key));
                format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<String>>().join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_text_is_judged_as_serde_json_judges_it(
        text in json(),
        at in any::<prop::sample::Index>(),
        byte in prop::sample::select(b"\"\\{}[],:0-e.\x00\x1f nt/u\xc3".to_vec()),
        edit in 0..4_u8,
    ) {
        let mut text = text.into_bytes();
        let at = at.index(text.len());
        match edit {
            0 => {}
            1 => text[at] = byte,
            2 => text.insert(at, byte),
            _ => drop(text.remove(at)),
        }
        check(&text);
    }
}

#[test]
fn a_text_is_spelt_so_that_it_reads_the_same() {
    for plain in ["", "gpt-4o", "a\"b", "a\\b", "line\nbreak", "\u{e9}\u{1f980}"] {
        assert_eq!(quoted(plain), serde_json::to_string(plain).unwrap());
        assert_eq!(text(&quoted(plain)).as_deref(), Some(plain));
    }
    assert_eq!((text("1"), text("\""), text("null")), (None, None, None));
}
