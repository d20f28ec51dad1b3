//! HTTP/1.1 framing without I/O: where a head ends and what it says, how long a body is, and how it is cut into chunks.
//!
//! Both sides of the gateway use it: the server reads requests with it, the clients of providers read answers. It is strict
//! wherever two readers of the same bytes could see two different messages (RFC 9112, sections 2.2, 5 and 6), because a
//! gateway always stands before such a second reader.
//!
//! | module | concept |
//! |---|---|
//! | `head` | where a head ends, what its fields say about the message, what is wrong with one |
//! | `fields` | the header fields of a head |
//! | `request` | the head of a request |
//! | `response` | the head of an answer |
//! | `body` | how long a body is, and its bytes |
//! | `chunked` | the chunked coding |
//! | `decimal` | numbers of a head as text |

mod body;
mod chunked;
mod decimal;
mod fields;
mod head;
mod request;
mod response;

pub use self::{
    body::{Body, BodyError, Progress},
    chunked::write_chunk_size,
    decimal::decimal,
    fields::Fields,
    head::{HeadError, HeadLimits, HeadScan},
    request::RequestHead,
    response::ResponseHead,
};
