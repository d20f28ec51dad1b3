//! Proofs of thinking on their way through a dialect that is not their maker's.
//!
//! A maker takes back its own proofs only, and refuses a request with another's. So a proof of Google's is marked wherever it is
//! given out in other words, and one of another maker's is marked where it is given out in Google's. Google's are bytes in
//! base64, and SDKs decode them, and may write them anew in another alphabet: mark and proof are encoded together.

use crate::{base64, translate::conversation::Content};

/// What marks a proof of Google's among others.
const MARK: &str = "tidegate:google:";
/// What marks another maker's among Google's: `tidegate:` in base64, with no bit left over.
const SIGNED: &str = "dGlkZWdhdGU6";
/// The same for what was thought and only its maker can read: `tidegate!`.
const SEALED: &str = "dGlkZWdhdGUh";
/// How long both are.
const MARK_LENGTH: usize = 9;

/// What Google takes in place of a proof, on a call that none of its models made.
pub(super) const UNPROVEN: &str = "skip_thought_signature_validator";
/// The same as it is given out: SDKs decode what stands there, and not all of them the alphabet of [`UNPROVEN`].
pub(super) const UNPROVEN_IN_BASE64: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";
/// What of this kind callers may send: the Gemini API takes either, Vertex AI the first.
const PLACEHOLDERS: [&str; 4] = [
    UNPROVEN,
    UNPROVEN_IN_BASE64,
    "context_engineering_is_the_way_to_go",
    "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
];

/// A proof of Google's, for other dialects.
pub(in crate::translate) fn marked(signature: &str) -> String {
    format!("{MARK}{signature}")
}

/// The proof as Google made it, if it is one of Google's.
pub(in crate::translate) fn googles(proof: &str) -> Option<&str> {
    proof.strip_prefix(MARK)
}

/// Whether a signature in Google's words proves anything.
pub(super) fn is_one(signature: &str) -> bool {
    !signature.is_empty() && !PLACEHOLDERS.contains(&signature)
}

/// What a signature in Google's words proves, `text` being what was thought.
pub(super) fn read(text: String, signature: &str) -> Content {
    if let Some(data) = given_out(signature, SEALED) {
        return Content::SealedReasoning(data);
    }
    Content::Reasoning { text, signature: Some(given_out(signature, SIGNED).unwrap_or_else(|| marked(signature))) }
}

/// What was given out under that mark.
fn given_out(signature: &str, mark: &str) -> Option<String> {
    let bytes = signature.starts_with(mark).then(|| base64::decode(signature)).flatten()?;
    String::from_utf8(bytes).ok()?.get(MARK_LENGTH..).map(str::to_owned)
}

/// A proof in Google's words.
pub(super) fn signed(proof: &str) -> String {
    googles(proof).map_or_else(|| base64::encode(format!("tidegate:{proof}").as_bytes()), str::to_owned)
}

/// What only its maker can read, in Google's words.
pub(super) fn sealed(data: &str) -> String {
    base64::encode(format!("tidegate!{data}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proof: &str, signature: &str) {
        let Content::Reasoning { text, signature: read } = read("so".to_owned(), signature) else { panic!("{proof}") };
        assert_eq!((text.as_str(), read.as_deref()), ("so", Some(proof)));
    }

    #[test]
    fn a_proof_comes_back_to_its_maker_as_it_was() {
        for proof in ["EqQBCkgI", "c2ln+/==", "encrypted:gAAAA-_x", "", marked("AAAA").as_str()] {
            check(proof, &signed(proof));
        }
        let Content::SealedReasoning(data) = read(String::new(), &sealed("ZGF0YQ==")) else { panic!() };
        assert_eq!(data, "ZGF0YQ==");
        assert_eq!(googles(&marked("AAAA")), Some("AAAA"));
        assert_eq!(googles("EqQBCkgI"), None);
    }

    #[test]
    fn what_is_given_out_is_the_same_in_both_alphabets_and_shows_its_mark() {
        let signature = signed("c2ln+/==");
        assert!(signature.starts_with(SIGNED) && sealed("d").starts_with(SEALED));
        assert!(!signature.contains(['+', '/']));
        check("c2ln+/==", signature.trim_end_matches('='));
    }

    #[test]
    fn a_mark_that_nobody_set_is_googles_own() {
        check("tidegate:google:dGlkZWdhdGU6*", "dGlkZWdhdGU6*");
    }

    #[test]
    fn what_stands_in_for_a_proof_is_none() {
        assert!(is_one("AAAA"));
        assert!(!is_one("") && PLACEHOLDERS.into_iter().all(|signature| !is_one(signature)));
        for [plain, coded] in [[PLACEHOLDERS[0], PLACEHOLDERS[1]], [PLACEHOLDERS[2], PLACEHOLDERS[3]]] {
            assert_eq!(base64::encode(plain.as_bytes()), coded);
        }
    }
}
