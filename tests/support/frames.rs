//! `application/vnd.amazon.eventstream`, as Bedrock writes it: by the letter of its specification, and in no hurry.

/// The frame of an event.
pub fn event(kind: &str, payload: &str) -> Vec<u8> {
    frame(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// The frame of an exception, which ends a stream.
pub fn exception(kind: &str, message: &str) -> Vec<u8> {
    let payload = serde_json::json!({ "message": message }).to_string();
    frame(&[(":exception-type", kind), (":message-type", "exception")], &payload)
}

fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).expect("a name is short"));
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).expect("a value is short").to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let number = |number: usize| u32::try_from(number).expect("a frame is short").to_be_bytes();
    let mut out = [number(16 + written.len() + payload.len()), number(written.len())].concat();
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out.extend_from_slice(&written);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out
}

/// CRC-32, a bit at a time.
fn checksum(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), bit))
}
