//! The body that an upstream gets, for any JSON that a caller may send: what was not meant to change has not changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::value::RawValue;
use tidegate_domain::{
    inference::{DefaultValues, Envelope, InferenceRequest, InvalidEnvelope, Parameter, ParameterDefaults},
    json::MAX_DEPTH,
};

fn space() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,3}"
}

/// A string as JSON spells it, escapes and all.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z \u{e9}\u{1f980}\u{feff}{}\\[\\],:]{0,5}",
        prop::sample::select(vec!["\\\"", "\\\\", "\\/", "\\u0041", "\\ud83e\\udd80", "\\n", "\\\\\\\""])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    let words = vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1.10",
        "1e400",
        "-1E-400",
        "1e+2",
        "123456789012345678901234567890",
    ];
    prop_oneof![prop::sample::select(words).prop_map(str::to_owned), string()]
}

/// Any value, as JSON text; its objects hold keys that mean something at the top, and may hold one twice.
fn value() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("\"model\"".to_owned()),
        Just("\"stream\"".to_owned()),
        Just("\"mod\\u0065l\"".to_owned()),
        string(),
    ];
    scalar().prop_recursive(4, 24, 4, move |inner| {
        let field = (key.clone(), space(), inner.clone())
            .prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"));
        let list = |open, close| {
            move |(items, space): (Vec<String>, String)| format!("{open}{space}{}{space}{close}", items.join(","))
        };
        prop_oneof![
            (prop::collection::vec(inner, 0..4), space()).prop_map(list("[", "]")),
            (prop::collection::vec(field, 0..4), space()).prop_map(list("{", "}")),
        ]
    })
}

/// Fields whose keys mean nothing to routing, each key once.
fn fields(prefix: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec((space(), space(), value()), 0..5).prop_map(move |fields| {
        let field =
            |(at, (before, behind, value))| format!("{before}\"{prefix}{at}\\n\"{behind}:{before}{value}{behind},");
        fields.into_iter().enumerate().map(field).collect()
    })
}

fn model() -> impl Strategy<Value = String> {
    string().prop_filter("a model has a name", |text| {
        serde_json::from_str::<String>(text).is_ok_and(|text| !text.trim().is_empty())
    })
}

fn parse(body: &str) -> InferenceRequest {
    InferenceRequest::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn top_level(body: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_slice(body).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn only_the_bytes_of_the_model_change(
        front in space(), before in fields("a"), given in model(), after in fields("b"), back in space(), sent: String,
    ) {
        let [head, tail] = [
            format!("{front}{{{before}\"model\"{back}:{front}"),
            format!("{back},{after}\"last\":0{front}}}{back}"),
        ];
        let request = parse(&format!("{head}{given}{tail}"));
        prop_assert_eq!(request.envelope().model(), serde_json::from_str::<String>(&given).unwrap());
        prop_assert_eq!(request.envelope().span(Parameter::Model), Some(head.len()..head.len() + given.len()));
        let body = request.body_for(&sent, &ParameterDefaults::default());
        let expected = format!("{head}{}{tail}", serde_json::to_string(&sent).unwrap());
        prop_assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }

    #[test]
    fn whatever_is_added_the_caller_s_own_fields_stand(
        before in fields("a"),
        given in model(),
        own in prop::sample::subsequence(vec![
            "\"stream\":true", "\"temperature\":null", "\"max_tokens\":0", "\"max_completion_tokens\":1.0",
            "\"response_format\":{\"model\":1}",
        ], 0..=5),
        options in prop::option::of(prop::sample::select(vec![
            "null", "{ }", "{\"include_usage\" : false}", "{\"include_usage\":true}", "{ \"k\":1e400,\"include_usage\":null}",
            "{\"k\":[{}]}", "{\"include\\u005fusage\":false , \"k\":{}}",
        ])),
        temperature in prop::option::of(0.0_f64..2.0),
        max_tokens: Option<u32>,
    ) {
        let options = options.map(|options| format!("\"stream_options\":{options},")).unwrap_or_default();
        let own_fields: String = own.iter().flat_map(|field| [*field, ","]).collect();
        let given = format!("{{{before}{options}{own_fields}\"model\":{given}}}");
        let request = parse(&given);
        let body = request.body_for("sent", &ParameterDefaults::new(DefaultValues { temperature, max_tokens, ..DefaultValues::default() }));
        let upstream = Envelope::parse(&body).unwrap();
        prop_assert_eq!(upstream.model(), "sent");
        prop_assert_eq!(upstream.stream(), request.envelope().stream());
        prop_assert!(!upstream.stream() || upstream.include_usage());

        let (given, mut sent) = (top_level(given.as_bytes()), top_level(&body));
        let has = |key| given.contains_key(key);
        let asks_for_usage = upstream.stream() && !request.envelope().include_usage();
        for (key, value) in &given {
            let sent = sent.remove(key).unwrap();
            let changes = key == "model" || (key == "stream_options" && asks_for_usage);
            prop_assert!(changes || sent.get() == value.get(), "{} became {}", value, sent);
        }
        let fills_tokens = max_tokens.is_some() && !has("max_tokens") && !has("max_completion_tokens");
        prop_assert_eq!(sent.remove("max_tokens").is_some(), fills_tokens);
        prop_assert_eq!(sent.remove("temperature").is_some(), temperature.is_some() && !has("temperature"));
        prop_assert_eq!(sent.remove("stream_options").is_some(), asks_for_usage && !has("stream_options"));
        prop_assert!(sent.is_empty(), "{:?} came out of nowhere", sent);
    }

    #[test]
    fn a_known_key_that_stands_twice_is_rejected(before in fields("a"), between in fields("b"), value in value()) {
        let body = format!("{{{before}\"model\":\"a\",{between}\"m\\u006fdel\":{value}}}");
        prop_assert_eq!(Envelope::parse(body.as_bytes()), Err(InvalidEnvelope::DuplicateKey("model".to_owned())));
    }

    #[test]
    fn what_is_accepted_can_be_read_whole(value in value(), levels in 0_usize..160) {
        let body = format!("{{\"model\":\"a\",\"x\":{}{value}{}}}", "[".repeat(levels), "]".repeat(levels));
        let accepted = Envelope::parse(body.as_bytes()).is_ok();
        prop_assert!(accepted || levels + 6 > MAX_DEPTH);
        // A number beyond a double is no question of depth.
        let readable = serde_json::from_str::<serde_json::Value>(&body.replace("1e400", "1"));
        prop_assert_eq!(accepted, readable.is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_rejected(bytes: Vec<u8>) {
        drop(Envelope::parse(&bytes));
    }

    #[test]
    fn a_damaged_body_is_read_or_rejected(body in fields("a"), at: prop::sample::Index, byte: u8, model in model()) {
        let mut bytes = format!("{{{body}\"stream\":true,\"model\":{model}}}").into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(request) = InferenceRequest::parse(bytes.into()) {
            let sent = request.body_for("sent", &ParameterDefaults::new(DefaultValues { temperature: Some(1.0), max_tokens: Some(1), ..DefaultValues::default() }));
            let upstream = Envelope::parse(&sent).unwrap();
            prop_assert_eq!(upstream.model(), "sent");
        }
    }
}

#[test]
fn a_body_of_very_many_keys_is_read_in_passing() {
    let keys = (0..200_000).fold(String::new(), |keys, at| keys + &format!("\"{at}\":0,"));
    assert!(Envelope::parse(format!("{{{keys}\"model\":\"a\"}}").as_bytes()).is_ok());
}
