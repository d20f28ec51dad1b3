//! Taking in the body of a request: bounded in size and time, and without a copy where it came in one piece.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tidegate_application::domain::inference::Operation;
use tidegate_http1::Fields;

use super::{ingress, refusal::Refusal};
use crate::server::RequestBody;

/// What is put up with in a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intake {
    /// The most bytes.
    pub(crate) body_limit: usize,
    /// How long it may take.
    pub(crate) body_timeout: Duration,
}

impl Intake {
    /// Reads the body of a request for `operation`.
    pub(super) async fn read(
        &self,
        operation: Operation,
        fields: &Fields,
        mut body: RequestBody,
    ) -> Result<Bytes, Refusal> {
        check_media_type(operation, fields)?;
        let announced = body.size_hint().lower();
        if announced > self.body_limit as u64 {
            return Err(Refusal::too_large(self.body_limit));
        }
        if let Some(whole) = body.take_whole() {
            return Ok(whole);
        }
        let collecting = tokio::time::timeout(self.body_timeout, collect(body, self.body_limit));
        collecting.await.unwrap_or_else(|_late| Err(Refusal::body_timeout()))
    }
}

async fn collect(mut body: RequestBody, limit: usize) -> Result<Bytes, Refusal> {
    let first = next_piece(&mut body).await?.unwrap_or_default();
    if first.len() > limit {
        return Err(Refusal::too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
    while let Some(piece) = next_piece(&mut body).await? {
        if whole.len() + piece.len() > limit {
            return Err(Refusal::too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The next data; trailers mean nothing here.
async fn next_piece(body: &mut RequestBody) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| Refusal::unreadable_body())?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Refuses what is clearly neither JSON nor, where the operation takes one, a form. A missing or odd type is let through: many
/// callers never set it, and the body itself is checked anyway.
fn check_media_type(operation: Operation, fields: &Fields) -> Result<(), Refusal> {
    const OTHERS: [&str; 4] = ["multipart/", "audio/", "image/", "video/"];
    let text = |name| fields.get(name).map_or(&b""[..], <[u8]>::trim_ascii);
    let media_type = text("content-type");
    let starts_with =
        |other: &str| media_type.get(..other.len()).is_some_and(|start| start.eq_ignore_ascii_case(other.as_bytes()));
    let is_fine = operation.takes_form() && ingress::is_form(fields);
    if !is_fine && OTHERS.into_iter().any(starts_with) {
        return Err(Refusal::unsupported_media_type("the body must be JSON: send content-type: application/json"));
    }
    let encoding = text("content-encoding");
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity") {
        return Err(Refusal::unsupported_media_type("the body must not be compressed: send no content-encoding"));
    }
    Ok(())
}
