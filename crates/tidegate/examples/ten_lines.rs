//! The whole gateway in a Rust program, without HTTP: the shipped configuration, one request.
//!
//! Run from the repository's root with `cargo run -p tidegate --example ten_lines`.

use tidegate::{
    Gateway,
    application::{Answer, RequestContext},
    domain::inference::{InferenceRequest, RequestId},
    infrastructure::config::StorageSettings,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let gateway = Gateway::builder().config("config")?.storage(StorageSettings::Memory).build().await?;

    let body = r#"{"model": "assistant", "messages": [{"role": "user", "content": "Which way does the tide go?"}]}"#;
    let request = InferenceRequest::parse(body.into())?;
    let context = RequestContext { id: RequestId::new("example-1"), timeout: None };
    let completion = gateway.orchestration().complete(request, context).await?;

    let Answer::Whole(answer) = completion.answer else { anyhow::bail!("no stream was asked for") };
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, &answer.body)?;
    Ok(())
}
