//! Proofs of thinking on their way through a dialect that is not their maker's.
//!
//! A maker takes back its own proofs only, and refuses a request with another's. So a proof of Google's is marked wherever it is
//! given out in other words, and one of another maker's is marked where it is given out in Google's. Google's are bytes in
//! base64, and SDKs decode them: a mark must be base64 as well.

use crate::translate::conversation::Content;

/// What marks a proof of Google's among others.
const MARK: &str = "google:";
/// What marks another maker's among Google's: `tidegate:` in base64, with no bit left over.
const SIGNED: &str = "dGlkZWdhdGU6";
/// The same for what was thought and only its maker can read: `tidegate!`.
const SEALED: &str = "dGlkZWdhdGUh";

/// A proof of Google's, for other dialects.
pub(in crate::translate) fn marked(signature: &str) -> String {
    format!("{MARK}{signature}")
}

/// The proof as Google made it, if it is one of Google's.
pub(in crate::translate) fn googles(proof: &str) -> Option<&str> {
    proof.strip_prefix(MARK)
}

/// Whether a proof is one of Google's.
pub(in crate::translate) fn is_googles(proof: &str) -> bool {
    googles(proof).is_some()
}

/// What a signature in Google's words proves, `text` being what was thought.
pub(super) fn read(text: String, signature: &str) -> Content {
    if let Some(data) = signature.strip_prefix(SEALED) {
        return Content::SealedReasoning(data.to_owned());
    }
    let proof = signature.strip_prefix(SIGNED).map_or_else(|| marked(signature), str::to_owned);
    Content::Reasoning { text, signature: Some(proof) }
}

/// A proof in Google's words; `None` if it is no base64, which SDKs would choke on.
pub(super) fn signed(proof: &str) -> Option<String> {
    match googles(proof) {
        Some(own) => Some(own.to_owned()),
        None => is_base64(proof).then(|| format!("{SIGNED}{proof}")),
    }
}

/// What only its maker can read, in Google's words.
pub(super) fn sealed(data: &str) -> Option<String> {
    is_base64(data).then(|| format!("{SEALED}{data}"))
}

/// RFC 4648, section 4.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    is_padded && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_comes_back_to_its_maker_as_it_was() {
        for proof in ["EqQBCkgI", "c2ln", marked("AAAA").as_str()] {
            let Content::Reasoning { text, signature } = read("so".to_owned(), &signed(proof).unwrap()) else {
                panic!()
            };
            assert_eq!((text.as_str(), signature.as_deref()), ("so", Some(proof)));
        }
        let Content::SealedReasoning(data) = read(String::new(), &sealed("ZGF0YQ==").unwrap()) else { panic!() };
        assert_eq!(data, "ZGF0YQ==");
        assert_eq!(googles(&marked("AAAA")), Some("AAAA"));
        assert!(!is_googles("EqQBCkgI"));
    }

    #[test]
    fn what_is_no_base64_is_not_given_out() {
        for text in ["", "a", "abc", "ab c", "====", "a===", "ab-_"] {
            assert_eq!((signed(text), sealed(text)), (None, None), "{text}");
        }
    }
}
