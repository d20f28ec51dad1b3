//! Which models meet what is required, over HTTP.

use serde_json::{Value, json};

use crate::{
    stage::Stage,
    wire::{Answer, exchange},
};

async fn select(stage: &Stage, group: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST /admin/v1/task-groups/{group}/select HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(stage.admin, request.as_bytes()).await
}

#[tokio::test]
async fn the_models_of_a_group_come_back_in_order_with_the_reasons_of_those_that_are_out() {
    let stage = Stage::new();
    let answer = select(&stage, "chat", &json!({})).await;
    let model = json!({"tier": "tier1", "instance": "openai:org/model", "model": "openai:org/model", "score": 50});
    assert_eq!((answer.status, answer.json()), (200, json!({"group": "chat", "models": [model]})));

    let all = json!({
        "needs": ["tools"], "prompt_tokens": 10, "max_output": 5, "max_dollars_per_1k": 0.5, "max_latency": "fast",
        "preferred_providers": ["openai"], "excluded_models": ["openai:org/model"], "urgency": "high", "region": "eu",
    });
    let answer = select(&stage, "chat", &all).await;
    assert_eq!(answer.json()["models"][0]["excluded"], "excluded_by_caller");
}

#[tokio::test]
async fn what_means_nothing_is_refused_by_its_name() {
    let stage = Stage::new();
    for (body, param) in [
        (json!({"needs": ["telepathy"]}), "needs"),
        (json!({"excluded_models": ["no model"]}), "excluded_models"),
        (json!({"max_dollars_per_1k": -1}), "max_dollars_per_1k"),
        (json!({"urgencie": "high"}), "body"),
        (json!({"urgency": "soon"}), "body"),
    ] {
        let answer = select(&stage, "chat", &body).await;
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!(param)), "{body}");
    }
    assert_eq!(select(&stage, "nobody", &json!({})).await.status, 404);
}
