//! How models of one provider are told to think, some in one way and some in another.

use serde_json::{Value, json};

use super::{Border, CHAT, message, says};

#[tokio::test]
async fn each_claude_is_told_to_think_as_it_knows_how() {
    let border = Border::start().await;
    border.anthropic.always(says("application/json", &message().to_string()));
    let body = json!({
        "model": "claudes", "messages": [{ "role": "user", "content": "Hi" }],
        "max_tokens": 20000, "reasoning_effort": "high", "temperature": 0.5,
    });
    let answers = [border.ask(CHAT, &body).await, border.ask(CHAT, &body).await];
    let dropped = answers.map(|answer| answer.header("x-tidegate-dropped").map(str::to_owned));
    assert_eq!(dropped, [Some("temperature".to_owned()), Some("temperature".to_owned())]);
    let thinking = |sent: &Value| (sent["model"].clone(), sent["thinking"].clone(), sent["output_config"].clone());
    let sent: Vec<_> = border.anthropic.requests().iter().map(|sent| thinking(&sent.json())).collect();
    let budget = json!({ "type": "enabled", "budget_tokens": 10000 });
    let adaptive = json!({ "type": "adaptive", "display": "summarized" });
    assert_eq!(sent[0], (json!("claude-sonnet-4-5"), budget, Value::Null));
    assert_eq!(sent[1], (json!("claude-opus-5"), adaptive, json!({ "effort": "high" })));
}
