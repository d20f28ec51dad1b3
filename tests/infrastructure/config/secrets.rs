//! Secrets never show.

use super::{BASE, load_text};

const CANARY: &str = "canary-4711";

fn with_secrets(rest: &str) -> String {
    format!(
        "{BASE}[providers.x]\nprotocol = \"openai\"\napi_key = \"{CANARY}\"\n{rest}\n[providers.x.headers]\nX-Team = \"{CANARY}\"\n"
    )
}

#[test]
fn a_loaded_configuration_does_not_print_its_secrets() {
    let text = with_secrets(&format!("keys = {{ team = \"{CANARY}\" }}"))
        .replace("X-Team = \"canary-4711\"", "X-Team = \"${HEADER}\"");
    let loaded = load_text(&text, &[("HEADER", CANARY)]).unwrap();
    let provider = loaded.settings.providers.iter().find(|provider| provider.name.as_str() == "x").unwrap();
    assert!(provider.api_key.is_some() && provider.headers.len() == 1 && provider.keys.len() == 1);
    assert!(!format!("{loaded:?}").contains(CANARY));
}

#[track_caller]
fn check(text: &str) {
    let report = load_text(text, &[("SECRET", CANARY)]).map(|_| ()).expect_err(text);
    assert!(!report.to_string().contains(CANARY), "{report}");
    assert!(!format!("{report:?}").contains(CANARY), "{report:?}");
}

#[test]
fn no_report_repeats_a_secret() {
    check(&with_secrets("base_url = 3"));
    check(&with_secrets(&format!("apikey = \"{CANARY}\"")));
    check(&with_secrets(&format!("wombat = \"{CANARY}\"")));
    check(&with_secrets(&format!("base_url = \"http://user:{CANARY}@host/v1\"")));
    check(&with_secrets("headers = 3"));
    check(&with_secrets(&format!("keys = \"{CANARY}\"")));
    check(&with_secrets(&format!("keys = {{ a = [\"{CANARY}\"] }}")));
    check(&with_secrets(&format!("keys = {{ \"{CANARY} \" = \"{CANARY}\" }}")));
    check(&with_secrets("= 3"));
    check(&with_secrets("").replace("X-Team = \"", "X-Team = "));
    check(&with_secrets("").replace("X-Team", "Content-Length"));
    check(&with_secrets("").replace("api_key = \"", "api_key = "));
    check(&with_secrets("").replace("api_key = \"canary-4711\"", "api_key = [\"canary-4711\"]"));
    check(&with_secrets("").replace("api_key = \"canary-4711\"", "api_key = \"\"\"\nfoo = canary-4711\n"));
    check(&with_secrets("").replace("api_key = \"canary-4711\"", "api_key = \"canary-4711\\u00e9\""));
    check(&with_secrets("").replace("protocol = \"openai\"", "protocol = \"simulated\""));
}

#[test]
fn no_report_repeats_the_value_of_a_variable() {
    for rest in [
        "[pools.p]\ntask_groups = [\"${SECRET}\"]",
        "[pools.p]\ntask_groups = [\"${SECRET}.x\"]",
        "[pools.p]\ntask_groups = \"${SECRET}\"",
        "[pools.p]\ntask_groups = [\"chat\"]\nrotation = \"${SECRET}\"",
        "[[pools.p.instances]]\nmodel = \"${SECRET}\"",
        "[[pools.p.instances]]\nmodel = \"${SECRET}:m\"",
        "[[pools.p.instances]]\nmodel = \"sim:m\"\nweight = \"${SECRET}\"",
        "[[pools.p.instances]]\nmodel = \"sim:m\"\nid = \"${SECRET} x\"",
        "[wrappers.w]\ntype = \"${SECRET}\"",
        "[wrappers.w]\ntype = \"pool\"\npool = \"${SECRET}\"",
        "[wrappers.w]\ntype = \"task_group\"\ntask_group = \"chat\"\ntier = \"${SECRET}\"",
        "[defaults]\ntarget = \"${SECRET}\"",
        "[defaults]\ntarget = \"pool:${SECRET}\"",
        "[server]\nlisten = \"${SECRET}\"",
        "[storage]\nbackend = \"${SECRET}\"",
        "[task_groups.g.tiers.a]\nmodels = [\"sim:${SECRET}\", \"sim:${SECRET}\"]",
        "[[pools.p.instances]]\nmodel = \"sim:${SECRET}\"\n[[pools.p.instances]]\nmodel = \"sim:${SECRET}\"",
        "[task_groups.g.tiers.a]\nmodels = [\"pool:${SECRET}\"]",
    ] {
        check(&format!("{BASE}{rest}"));
    }
}

proptest::proptest! {
    #[test]
    fn no_variable_makes_an_empty_key(value in "[ \t]{0,3}[ -~]{0,3}[ \t]{0,3}") {
        let text = format!("{BASE}[providers.x]\nprotocol = \"openai\"\napi_key = \"${{KEY}}\"\n");
        if let Ok(loaded) = load_text(&text, &[("KEY", &value)]) {
            let provider = loaded.settings.providers.iter().find(|provider| provider.name.as_str() == "x").unwrap();
            let key = provider.api_key.as_ref().expect("a key that is written is there");
            proptest::prop_assert!(!secrecy::ExposeSecret::expose_secret(key).trim().is_empty());
        }
    }
}
