use super::*;

#[test]
fn the_fields_of_routing_are_read_and_placed() {
    let body = br#"{"messages":[], "model" : "fast","stream":true,"stream_options":{"include_usage":true}}"#;
    let envelope = Envelope::parse(body).unwrap();
    assert_eq!(envelope.model(), "fast");
    assert!(envelope.stream());
    assert!(envelope.include_usage());
    assert_eq!(&body[envelope.span(Parameter::Model).unwrap()], br#""fast""#);
    assert_eq!(envelope.span(Parameter::Temperature), None);
}

#[track_caller]
fn check_rejected(body: &str, expected: &InvalidEnvelope) {
    assert_eq!(&Envelope::parse(body.as_bytes()).unwrap_err(), expected);
}

#[test]
fn what_routing_cannot_read_is_rejected_with_the_field() {
    check_rejected(r#"{"messages":[]}"#, &InvalidEnvelope::MissingModel);
    check_rejected(r#"{"model":null}"#, &InvalidEnvelope::MissingModel);
    check_rejected(r#"{"model":7}"#, &InvalidEnvelope::WrongType { param: "model", expected: "a string" });
    check_rejected(
        r#"{"model":"a","stream":"yes"}"#,
        &InvalidEnvelope::WrongType { param: "stream", expected: "a boolean" },
    );
    assert!(matches!(Envelope::parse(b"[1]"), Err(InvalidEnvelope::Json(_))));
    assert!(matches!(Envelope::parse(b"{\"model\":"), Err(InvalidEnvelope::Json(_))));
    assert!(matches!(Envelope::parse(b"{\"model\":\"\xff\"}"), Err(InvalidEnvelope::Json(_))));
}

#[test]
fn a_key_that_stands_twice_is_rejected_however_it_is_spelt() {
    check_rejected(r#"{"model":"a","model":"b"}"#, &InvalidEnvelope::DuplicateKey("model".to_owned()));
    check_rejected(r#"{"model":"a","mod\u0065l":"b"}"#, &InvalidEnvelope::DuplicateKey("model".to_owned()));
    check_rejected(r#"{"model":"a","x":1,"x":2}"#, &InvalidEnvelope::DuplicateKey("x".to_owned()));
}

#[test]
fn stream_options_are_an_object_whose_usage_is_a_boolean_or_null() {
    let of = |options: &str| Envelope::parse(format!(r#"{{"model":"a","stream_options":{options}}}"#).as_bytes());
    let wrong = |param, expected| Err(InvalidEnvelope::WrongType { param, expected });
    assert!(of(r#"{"include_usage":null,"x":[]}"#).is_ok_and(|envelope| !envelope.include_usage()));
    assert!(of("null").is_ok_and(|envelope| !envelope.include_usage()));
    assert_eq!(of("[true]"), wrong("stream_options", "an object"));
    assert_eq!(of("7"), wrong("stream_options", "an object"));
    assert_eq!(of(r#"{"include_usage":1}"#), wrong("stream_options.include_usage", "a boolean"));
    assert_eq!(of(r#"{"include_usage":true,"include_usage":false}"#), wrong("stream_options", "an object"));
}

#[test]
fn nesting_is_bounded_however_deep_it_goes() {
    let nested = |open: &str, close: &str, levels| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        Envelope::parse(format!(r#"{{"model":"a","x":{open}1{close}}}"#).as_bytes())
    };
    assert!(nested("[", "]", MAX_DEPTH - 1).is_ok());
    assert_eq!(nested("[", "]", MAX_DEPTH), Err(InvalidEnvelope::TooDeep));
    assert_eq!(nested("[", "]", 100_000), Err(InvalidEnvelope::TooDeep));
    assert_eq!(nested(r#"{"y":"#, "}", 100_000), Err(InvalidEnvelope::TooDeep));
    assert!(matches!(Envelope::parse("[".repeat(100_000).as_bytes()), Err(InvalidEnvelope::Json(_))));
    assert!(matches!(nested("[", "", 100_000), Err(InvalidEnvelope::Json(_))));
}

#[test]
fn brackets_in_strings_are_no_nesting() {
    let brackets = r#"\"["#.repeat(1000);
    assert!(Envelope::parse(format!(r#"{{"model":"a","x":["{brackets}","\\"]}}"#).as_bytes()).is_ok());
}

#[test]
fn a_byte_order_mark_is_no_json() {
    assert!(matches!(Envelope::parse(b"\xef\xbb\xbf{\"model\":\"a\"}"), Err(InvalidEnvelope::Json(_))));
}

#[test]
fn a_blank_model_is_a_missing_one() {
    check_rejected(r#"{"model":""}"#, &InvalidEnvelope::MissingModel);
    check_rejected(r#"{"model":" \t"}"#, &InvalidEnvelope::MissingModel);
}

#[test]
fn a_body_beside_an_address_names_neither_model_nor_stream() {
    let address = || Address { model: "fast".into(), stream: true };
    let envelope = Envelope::addressed(br#"{"contents":[],"model":7,"stream":"no"}"#, address()).unwrap();
    assert_eq!((envelope.model(), envelope.stream()), ("fast", true));
    assert_eq!(envelope.span(Parameter::Model), None);
    assert!(envelope.span(Parameter::Contents).is_some());
    let blank = Address { model: " ".into(), stream: false };
    assert_eq!(Envelope::addressed(b"{}", blank), Err(InvalidEnvelope::MissingModel));
    let twice = br#"{"generationConfig":{},"generation_config":{}}"#;
    let duplicate = InvalidEnvelope::DuplicateKey("generation_config".to_owned());
    assert_eq!(Envelope::addressed(twice, address()), Err(duplicate));
}

#[test]
fn numbers_beyond_a_double_do_not_matter_to_routing() {
    assert!(Envelope::parse(br#"{"model":"a","seed":1e400,"big":123456789012345678901234567890}"#).is_ok());
}

#[test]
fn all_fields_are_known_where_each_stands_under_its_own_key() {
    let is_all = |body: &str| Envelope::parse(body.as_bytes()).unwrap().all().is_some();
    assert!(is_all(r#"{"model":"a","messages":[],"temperature":1}"#));
    assert!(!is_all(r#"{"model":"a","seed":7}"#));
    assert!(!is_all(r#"{"model":"a","system_instruction":{}}"#));
    let address = || Address { model: "fast".into(), stream: true };
    assert!(Envelope::addressed(br#"{"contents":[]}"#, address()).unwrap().all().is_some());
    assert!(Envelope::addressed(br#"{"contents":[],"model":7}"#, address()).unwrap().all().is_none());
}
