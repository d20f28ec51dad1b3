use super::*;
use crate::inference::DefaultValues;

#[track_caller]
fn check(body: &'static str, defaults: &ParameterDefaults, expected: &str) {
    let request = InferenceRequest::parse(Bytes::from_static(body.as_bytes())).unwrap();
    assert_eq!(request.body_for("gpt-4o", defaults), expected.as_bytes());
}

#[test]
fn only_the_model_changes() {
    check(
        r#" {"seed":1e400, "model" :"fast", "x":1.10, "y":{"model":"inner"}}"#,
        &ParameterDefaults::default(),
        r#" {"seed":1e400, "model" :"gpt-4o", "x":1.10, "y":{"model":"inner"}}"#,
    );
}

#[test]
fn defaults_fill_only_what_the_caller_left_open() {
    let defaults =
        ParameterDefaults::new(DefaultValues { temperature: Some(0.0), max_tokens: Some(200), ..Default::default() });
    check(r#"{"model":"f"}"#, &defaults, r#"{"temperature":0.0,"max_tokens":200,"model":"gpt-4o"}"#);
    check(
        r#"{"model":"f","temperature":0,"max_completion_tokens":7}"#,
        &defaults,
        r#"{"model":"gpt-4o","temperature":0,"max_completion_tokens":7}"#,
    );
}

#[test]
fn a_stream_is_always_asked_for_its_usage() {
    let none = ParameterDefaults::default();
    check(
        r#"{"model":"f","stream":true}"#,
        &none,
        r#"{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true}"#,
    );
    check(
        r#"{"stream_options":{"include_usage":false},"model":"f","stream":true}"#,
        &none,
        r#"{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true}"#,
    );
    check(
        r#"{"model":"f","stream":true,"stream_options":{"include_usage":true,"k":1}}"#,
        &none,
        r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true,"k":1}}"#,
    );
}

#[test]
fn the_other_stream_options_are_kept() {
    for (given, sent) in [
        (r#"{"k":1}"#, r#"{"include_usage":true,"k":1}"#),
        (r#"{"k":1, "include_usage" : null}"#, r#"{"k":1, "include_usage" : true}"#),
        (r"{ }", r#"{"include_usage":true }"#),
        (r"null", r#"{"include_usage":true}"#),
    ] {
        let body = |model, options| format!(r#"{{"stream":true,"model":"{model}","stream_options":{options}}}"#);
        let request = InferenceRequest::parse(body("f", given).into()).unwrap();
        let sent = body("gpt-4o", sent);
        assert_eq!(request.body_for("gpt-4o", &ParameterDefaults::default()), sent.as_bytes());
    }
}

#[test]
fn each_operation_spells_its_defaults() {
    let defaults =
        ParameterDefaults::new(DefaultValues { temperature: Some(0.5), max_tokens: Some(200), ..Default::default() });
    let body = |operation| {
        let request = InferenceRequest::read(operation, Bytes::from_static(br#"{"model":"f","stream":true}"#));
        String::from_utf8(request.unwrap().body_for("m", &defaults).to_vec()).unwrap()
    };
    let rest = r#""model":"m","stream":true}"#;
    let messages = format!(r#"{{"temperature":0.5,"max_tokens":200,{rest}"#);
    let responses = format!(r#"{{"temperature":0.5,"max_output_tokens":200,{rest}"#);
    assert_eq!(body(Operation::Converse(Dialect::Messages)), messages);
    assert_eq!(body(Operation::Converse(Dialect::Responses)), responses);
    assert_eq!(body(Operation::Embeddings), format!("{{{rest}"));
}

#[test]
fn a_form_goes_on_as_it_came_but_for_the_model() {
    let form = |model: &str| {
        let part =
            |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n");
        let file = part(r#"name="file"; filename="a.wav""#, "\r\n\0model\r\n--x");
        [part(r#"name="n""#, "2"), file, part(r#"name="model""#, model), "--b--\r\n".to_owned()].concat()
    };
    let request =
        InferenceRequest::read_form(Operation::Transcriptions, form("fast").into(), "multipart/form-data; boundary=b");
    let request = request.unwrap();
    assert_eq!((request.envelope().model(), request.envelope().stream(), request.choices()), ("fast", false, 2));
    assert_eq!(request.body_for("whisper-1", &ParameterDefaults::default()), form("whisper-1"));
    assert_eq!(request.prompt_tokens() as usize, (form("fast").len() - "\r\n\0model\r\n--x".len()) / 4);
}

#[test]
fn a_form_that_cannot_be_routed_is_refused_with_its_field() {
    let read = |parts: &[(&str, &str)]| {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = parts.iter().map(part).collect::<String>() + "--b--";
        InferenceRequest::read_form(Operation::ImageEdits, body.into(), "multipart/form-data; boundary=b")
    };
    assert!(read(&[("model", "a"), ("stream", "true")]).is_ok_and(|request| request.envelope().stream()));
    let problem = |parts: &[(&str, &str)]| read(parts).unwrap_err();
    assert_eq!(problem(&[("prompt", "a")]), InvalidEnvelope::MissingModel);
    assert_eq!(problem(&[("model", "a"), ("model", "a")]), InvalidEnvelope::DuplicateKey("model".to_owned()));
    assert_eq!(problem(&[("model", "a"), ("stream", "maybe")]).param(), Some("stream"));
    let json = InferenceRequest::read_form(Operation::ImageEdits, "{}".into(), "application/json");
    assert!(matches!(json, Err(InvalidEnvelope::Form(_))));
}

#[test]
fn tokens_are_estimated_from_the_bytes_and_the_answer_it_allows() {
    for (body, expected) in [
        (r#"{"model":"f"}"#, 3 + 1024),
        (r#"{"model":"f","max_tokens":100}"#, 7 + 100),
        (r#"{"model":"f","max_tokens":9,"max_completion_tokens":50}"#, 13 + 50),
        (r#"{"model":"f","max_tokens":null}"#, 7 + 1024),
        (r#"{"model":"f","max_tokens":4294967295}"#, u32::MAX),
    ] {
        assert_eq!(InferenceRequest::parse(body.into()).unwrap().estimated_tokens(), expected, "{body}");
    }
}

#[test]
fn an_answer_has_as_many_choices_as_were_asked_for() {
    for (body, expected) in [
        (r#"{"model":"f"}"#, 1),
        (r#"{"model":"f","n":3}"#, 3),
        (r#"{"model":"f","n":0}"#, 1),
        (r#"{"model":"f","n":null}"#, 1),
        (r#"{"model":"f","n":"2"}"#, 1),
    ] {
        assert_eq!(InferenceRequest::parse(body.into()).unwrap().choices(), expected, "{body}");
    }
}

#[test]
fn only_a_true_store_stores() {
    for (body, expected) in [
        (r#"{"model":"f"}"#, false),
        (r#"{"model":"f","store":true}"#, true),
        (r#"{"model":"f","store":false}"#, false),
        (r#"{"model":"f","store":null}"#, false),
    ] {
        assert_eq!(InferenceRequest::parse(body.into()).unwrap().stores(), expected, "{body}");
    }
}

#[test]
fn what_was_just_written_is_known_as_if_it_were_read() {
    let fields =
        [("model", r#""a""#), ("stream", "true"), ("stream_options", r#"{"include_usage":true}"#), ("seed", "7")];
    let (mut body, mut places) = (String::from("{"), Vec::new());
    for (key, value) in fields {
        push_field(&mut body, key, value);
        let end = body.len() - 1;
        places.push((key, end - value.len()..end));
    }
    body.pop();
    body.push('}');
    let (operation, body) = (Operation::Converse(Dialect::Chat), Bytes::from(body));
    let address = Address { model: "a".into(), stream: true };
    let written = InferenceRequest::written(operation, body.clone(), places, address).unwrap();
    assert_eq!(written.envelope(), InferenceRequest::read(operation, body).unwrap().envelope());
    assert!(written.fields().is_none(), "nobody knows of a seed");
}
