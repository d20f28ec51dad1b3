//! Signs requests with AWS Signature Version 4.
//!
//! Source: "Create a signed AWS API request" in the IAM user guide. Signed are the method, the path, the headers that AWS requires, and the
//! hash of the body; a request to Bedrock has no query. The moment is an argument. The hashes are aws-lc's, which TLS brings along.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use secrecy::{ExposeSecret, SecretString};
use tidegate_domain::time::Utc;

use crate::provider::endpoint::percent_encoded;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "bedrock";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SESSION: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What a request to AWS is signed with.
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    /// Names the key.
    pub access_key_id: SecretString,
    /// The key.
    pub secret_access_key: SecretString,
    /// What goes with a key that is temporary.
    pub session_token: Option<SecretString>,
}

impl PartialEq for AwsCredentials {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |credentials: &Self| {
            let session = credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned());
            [Some(credentials.access_key_id.expose_secret().to_owned()), session]
        };
        exposed(self) == exposed(other)
            && self.secret_access_key.expose_secret() == other.secret_access_key.expose_secret()
    }
}

/// Signs the requests to one region.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::provider) struct Signer {
    region: String,
    credentials: AwsCredentials,
}

impl Signer {
    pub(in crate::provider) fn new(region: &str, credentials: AwsCredentials) -> Self {
        Self { region: region.to_owned(), credentials }
    }

    /// Signs `request`, whose headers and body are final. What cannot stand in a header stays out, and AWS refuses the request.
    pub(in crate::provider) fn sign(&self, request: &mut Request<Bytes>, now: SystemTime) {
        let (date, moment) = moment(now);
        set(request, DATE, &moment);
        if let Some(token) = &self.credentials.session_token {
            set(request, SESSION, token.expose_secret());
        }
        let scope = format!("{date}/{}/{SERVICE}/aws4_request", self.region);
        let authorization = self.authorization(request, (&moment, &scope));
        set(request, header::AUTHORIZATION, &authorization);
    }

    fn authorization(&self, request: &Request<Bytes>, (moment, scope): (&str, &str)) -> String {
        let (signed, canonical) = canonical_request(request);
        let to_sign = format!("{ALGORITHM}\n{moment}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
        let secret = format!("AWS4{}", self.credentials.secret_access_key.expose_secret());
        let key = scope.split('/').fold(secret.into_bytes(), |key, part| hmac_sha256(&key, part).as_ref().to_vec());
        let signature = hex(hmac_sha256(&key, &to_sign).as_ref());
        let id = self.credentials.access_key_id.expose_secret();
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    }
}

fn set(request: &mut Request<Bytes>, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(name != DATE);
        request.headers_mut().insert(name, value);
    }
}

/// The names of the headers that are signed, and the request in the form that is hashed.
fn canonical_request(request: &Request<Bytes>) -> (String, String) {
    let uri = request.uri();
    let host = uri.authority().map_or("", http::uri::Authority::as_str);
    let (mut names, mut headers) = (Vec::new(), String::new());
    for name in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        let given = request.headers().get(name).and_then(|value| value.to_str().ok());
        let Some(value) = given.or((name == "host").then_some(host)) else { continue };
        names.push(name);
        // Writing into a text does not fail.
        let _ = writeln!(headers, "{name}:{}", value.trim());
    }
    let signed = names.join(";");
    // The path is encoded once more than it is sent: everywhere but at S3.
    let path = percent_encoded(uri.path(), |byte| byte == b'/');
    let query = uri.query().unwrap_or_default();
    let body = sha256_hex(request.body());
    let canonical = format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{body}", request.method());
    (signed, canonical)
}

/// The day, and the moment, as AWS writes them.
fn moment(now: SystemTime) -> (String, String) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let Utc { year, month, day, hour, minute, second } = Utc::of_unix(since.as_secs());
    let date = format!("{year:04}{month:02}{day:02}");
    let moment = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, moment)
}

fn hmac_sha256(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30 12:36:00, the moment of AWS's test vectors.
    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
    }

    fn signer(session_token: Option<&str>) -> Signer {
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned().into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            session_token: session_token.map(|token| token.to_owned().into()),
        };
        Signer::new("us-east-1", credentials)
    }

    fn request(method: &str, uri: &str, (media_type, body): (&str, &'static str)) -> Request<Bytes> {
        let mut request = Request::builder().method(method).uri(uri).body(Bytes::from_static(body.as_bytes())).unwrap();
        if !media_type.is_empty() {
            request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        request
    }

    /// The vectors of AWS's suite are signed for a service called `service`.
    #[track_caller]
    fn check_vector(mut request: Request<Bytes>, token: Option<&str>, expected: &str) {
        let (_, moment) = moment(then());
        set(&mut request, DATE, &moment);
        if let Some(token) = token {
            set(&mut request, SESSION, token);
        }
        let scope = "20150830/us-east-1/service/aws4_request";
        let authorization = signer(None).authorization(&request, (&moment, scope));
        assert!(authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=")));
        assert!(authorization.ends_with(&format!("Signature={expected}")), "{authorization}");
    }

    #[test]
    fn the_published_test_vectors_are_signed_as_published() {
        let none = ("", "");
        let home = "https://example.amazonaws.com/";
        let (get, post) = (request("GET", home, none), request("POST", home, none));
        check_vector(get, None, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check_vector(post, None, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        let form = request("POST", home, ("application/x-www-form-urlencoded", "Param1=value1"));
        check_vector(form, None, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
    }

    #[track_caller]
    fn check_bedrock(path: &str, token: Option<&str>, expected: &str) {
        let uri = format!("https://bedrock-runtime.us-east-1.amazonaws.com{path}");
        let mut request = request("POST", &uri, ("application/json", r#"{"messages":[]}"#));
        signer(token).sign(&mut request, then());
        let headers = request.headers();
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(headers.get("x-amz-security-token").map(|value| value.to_str().unwrap()), token);
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "));
        assert!(authorization.ends_with(&format!("Signature={expected}")), "{authorization}");
    }

    /// The expected signatures are those of botocore 1.44.8.
    #[test]
    fn a_request_to_bedrock_is_signed_as_awss_own_client_signs_it() {
        check_bedrock(
            "/model/anthropic.claude-v2%3A0/converse-stream",
            None,
            "6f22709cf29a535d91625c3f46237afa53680483b720295ebd77662603bdb9c0",
        );
        let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0";
        let expected = "b60abc23938b1398df0b081b6e5583c12ebd85c600cfd8c462d400fc68252fe5";
        check_bedrock(&format!("/model/{arn}/converse"), Some("TOKEN=="), expected);
    }

    #[test]
    fn nothing_prints_the_credentials() {
        let signer = signer(Some("session-canary"));
        let mut request = request("POST", "https://h/", ("application/json", ""));
        signer.sign(&mut request, then());
        let printed = format!("{signer:?} {request:?}");
        assert!(!printed.contains("canary") && !printed.contains("wJalr") && !printed.contains("AKID"), "{printed}");
    }
}
