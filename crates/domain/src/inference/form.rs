//! A body that is a form (`multipart/form-data`, RFC 7578): where its fields stand, without touching a byte of it.
//!
//! As with JSON, what two readers could take differently is refused: a boundary that is followed by anything else than its line's end,
//! a header that is folded, a quote within a quoted name. Contents are never looked into.

use std::ops::Range;

use memchr::memmem::{self, Finder};

/// The longest boundary, by RFC 2046.
const MAX_BOUNDARY_BYTES: usize = 70;
/// The longest headers of a part.
const MAX_HEADER_BYTES: usize = 8 * 1024;
/// The most parts.
const MAX_PARTS: usize = 256;

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// Its name; empty if it has none.
    pub(super) name: &'a str,
    /// Whether it is a file.
    pub(super) is_file: bool,
    /// Where its value stands in the body.
    pub(super) value: Range<usize>,
}

/// The boundary that a content type names, if it is one of a form.
pub(super) fn boundary_of(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, boundary) = named.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let boundary = boundary.trim();
    let boundary = boundary.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(boundary);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY_BYTES && boundary.bytes().all(is_plain)).then_some(boundary)
}

/// The fields of a form, in their order.
///
/// # Errors
/// What is wrong with it.
pub(super) fn fields<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Field<'a>>, &'static str> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = Finder::new(&delimiter);
    let mut fields = Vec::new();
    let mut at = if body.starts_with(&delimiter.as_bytes()[2..]) {
        delimiter.len() - 2
    } else {
        finder.find(body).ok_or("its boundary is nowhere in it")? + delimiter.len()
    };
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        if !rest.starts_with(b"\r\n") {
            return Err("a boundary is followed by something else than the end of its line");
        }
        if fields.len() == MAX_PARTS {
            return Err("it has more than 256 parts");
        }
        let head = &rest[..rest.len().min(MAX_HEADER_BYTES)];
        let length = memmem::find(head, b"\r\n\r\n").ok_or("the headers of a part do not end, or are too long")?;
        let start = at + length + 4;
        let end = start + finder.find(&body[start..]).ok_or("its last part does not end")?;
        let (name, is_file) = disposition(&rest[..length])?;
        fields.push(Field { name, is_file, value: start..end });
        at = end + delimiter.len();
    }
}

/// The name of a part, and whether it is a file.
fn disposition(headers: &[u8]) -> Result<(&str, bool), &'static str> {
    let headers = std::str::from_utf8(headers).map_err(|_| "the headers of a part are no text")?;
    let mut found = None;
    for line in headers.split("\r\n").filter(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            return Err("a header of a part is folded");
        }
        let (name, value) = line.split_once(':').ok_or("a header of a part has no colon")?;
        if name.eq_ignore_ascii_case("content-disposition") && found.replace(value).is_some() {
            return Err("a part has two dispositions");
        }
    }
    parameters(found.ok_or("a part has no disposition")?)
}

/// The `name`, and whether there is a `filename`.
fn parameters(disposition: &str) -> Result<(&str, bool), &'static str> {
    let (kind, mut rest) = disposition.split_once(';').unwrap_or((disposition, ""));
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err("a part is no form-data");
    }
    let (mut name, mut is_file) = (None, false);
    while !rest.trim().is_empty() {
        let (key, behind) = rest.split_once('=').ok_or("a disposition cannot be read")?;
        let (value, behind) = value(behind)?;
        let key = key.trim();
        is_file |= key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*");
        if key.eq_ignore_ascii_case("name") && name.replace(value).is_some() {
            return Err("a part has two names");
        }
        rest = behind;
    }
    Ok((name.unwrap_or_default(), is_file))
}

/// A value, quoted or not, and what follows its semicolon.
fn value(text: &str) -> Result<(&str, &str), &'static str> {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let (value, behind) = text.split_once(';').unwrap_or((text, ""));
        return Ok((value.trim(), behind));
    };
    let (value, behind) = quoted.split_once('"').ok_or("a quoted value does not end")?;
    if value.ends_with('\\') {
        return Err("a quoted value holds a quote; write it as %22");
    }
    match behind.trim_start() {
        "" => Ok((value, "")),
        behind => Ok((value, behind.strip_prefix(';').ok_or("a disposition cannot be read")?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(disposition: &str, value: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    /// The fields of a form of these parts: name, whether it is a file, value.
    fn read(body: &str) -> Result<Vec<(&str, bool, &str)>, &'static str> {
        let fields = fields(body.as_bytes(), "b")?;
        Ok(fields.into_iter().map(|field| (field.name, field.is_file, &body[field.value])).collect())
    }

    #[test]
    fn fields_are_found_where_they_stand() {
        let body = [
            "a preamble\r\n",
            &part(r#"name="model""#, "whisper"),
            &part(r#"name="file"; filename="a;name=model.mp3""#, "\r\n--x\r\n\r\n"),
            &part("filename=a.txt; name=note", ""),
            "--b--\r\nan epilogue",
        ]
        .concat();
        let expected = [("model", false, "whisper"), ("file", true, "\r\n--x\r\n\r\n"), ("note", true, "")];
        assert_eq!(read(&body), Ok(expected.to_vec()));
        assert_eq!(read("--b--"), Ok(vec![]));
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        let ends = |parts: String| parts + "--b--";
        for body in [
            String::new(),
            "no boundary".to_owned(),
            part(r#"name="model""#, "a"),
            ends(part(r#"name="model""#, "a\r\n--bc")),
            ends(part(r#"name="model""#, "a").replace("--b\r\n", "--b \r\n")),
            ends(part(r#"name="model"; name="x""#, "a")),
            ends(part(r#"filename="\"; name="model""#, "a")),
            ends(part(r#"name="model"x"#, "a")),
            ends(part(r#"name="model"#, "a")),
            ends("--b\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\na\r\n".to_owned()),
            ends("--b\r\nContent-Disposition: form-data;\r\n name=\"model\"\r\n\r\na\r\n".to_owned()),
            ends("--b\r\nContent-Type: text/plain\r\n\r\na\r\n".to_owned()),
            ends(format!("--b\r\nx: {}\r\n\r\na\r\n", "x".repeat(MAX_HEADER_BYTES))),
            ends(part(r#"name="x""#, "").repeat(MAX_PARTS + 1)),
        ] {
            assert!(read(&body).is_err(), "{body}");
        }
    }

    #[track_caller]
    fn check_boundary(content_type: &str, expected: Option<&str>) {
        assert_eq!(boundary_of(content_type), expected, "{content_type}");
    }

    #[test]
    fn the_boundary_is_told_by_the_content_type() {
        check_boundary("multipart/form-data; boundary=abc", Some("abc"));
        check_boundary("Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a'b\"", Some("a'b"));
        check_boundary("multipart/form-data", None);
        check_boundary("multipart/mixed; boundary=abc", None);
        check_boundary("multipart/form-data; boundary=", None);
        check_boundary("multipart/form-data; boundary=a b", None);
        check_boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71)), None);
    }

    proptest! {
        #[test]
        fn no_body_brings_it_down(body: Vec<u8>, boundary in "[a-z]{1,3}") {
            let _ = fields(&body, &boundary);
        }

        #[test]
        fn a_value_is_found_whatever_it_holds(value in "([a-z\r\n\"-]|--b|\r\n--){0,40}") {
            prop_assume!(!format!("\r\n{value}").contains("\r\n--b"));
            let body = part(r#"name="x""#, &value) + "--b--";
            prop_assert_eq!(read(&body), Ok(vec![("x", false, value.as_str())]));
        }
    }
}
