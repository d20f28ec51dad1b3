//! What the codes and types of error bodies mean, as the providers document them.

use tidegate_domain::fault::FaultKind;

/// Words that name one cause, whatever the status around them.
const SPECIFIC: [(FaultKind, &[&str]); 8] = [
    (FaultKind::ContextLength, &["context_length_exceeded", "context_window_exceeded", "exceed_context_size_error"]),
    (
        FaultKind::ContentFilter,
        &[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "data_inspection_failed",
            "datainspectionfailed",
            "sensitivecontentdetected",
            "moderation_blocked",
        ],
    ),
    (
        FaultKind::Auth,
        &[
            "invalid_api_key",
            "api_key_invalid",
            "invalid_authentication_error",
            "authentication_error",
            "authenticationerror",
            "unauthenticated",
            "permission_error",
            "permission_denied",
            "account_deactivated",
            "invalid_organization",
            "unsupported_country_region_territory",
            "accessdeniedexception",
            "unrecognizedclientexception",
            "invalidclienttokenid",
            "invalidsignatureexception",
            "incompletesignature",
            "incompletesignatureexception",
            "missingauthenticationtoken",
            "missingauthenticationtokenexception",
            "expiredtoken",
            "expiredtokenexception",
            "requestexpired",
            "notauthorized",
        ],
    ),
    (
        FaultKind::Billing,
        &[
            "insufficient_quota",
            "insufficient_balance",
            "exceeded_current_quota_error",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "payment_required",
            "arrearage",
            "accountoverdueerror",
            "billing_disabled",
        ],
    ),
    (
        FaultKind::ModelMissing,
        &[
            "model_not_found",
            "model_not_available",
            "model_decommissioned",
            "model_terms_required",
            "invalid_model",
            "unknown_model",
            "deploymentnotfound",
            "operationnotsupported",
            "modelnotopen",
            "not_found_error",
            "notfounderror",
            "resourcenotfoundexception",
        ],
    ),
    (
        FaultKind::RateLimited,
        &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit_reached_error",
            "rate_limited",
            "ratelimitreached",
            "ratelimiterror",
            "too_many_requests",
            "toomanyrequests",
            "resource_exhausted",
            "throttling",
            "throttling.ratequota",
            "throttlingexception",
            "servicequotaexceededexception",
        ],
    ),
    (
        FaultKind::Overloaded,
        &[
            "overloaded_error",
            "overloaded",
            "engine_overloaded",
            "engine_overloaded_error",
            "model_overloaded",
            "server_overloaded",
            "service_unavailable",
            "service_unavailable_error",
            "serviceunavailable",
            "unavailable",
            "slow_down",
            "capacity_exceeded",
            "service_tier_capacity_exceeded",
            "serviceunavailableexception",
            "modelnotreadyexception",
        ],
    ),
    (
        FaultKind::Transient,
        &[
            "timeout",
            "timeout_error",
            "deadline_exceeded",
            "processing_error",
            "modeltimeoutexception",
            "modelerrorexception",
            "modelstreamerrorexception",
        ],
    ),
];

/// Words that providers put on anything; they count only if nothing specific is said and no status says more.
const GENERAL: [(FaultKind, &[&str]); 2] = [
    (
        FaultKind::Client,
        &[
            "invalid_request_error",
            "invalid_request",
            "bad_request",
            "badrequesterror",
            "invalid_argument",
            "validationexception",
        ],
    ),
    (
        FaultKind::Transient,
        &[
            "server_error",
            "internal_server_error",
            "internalservererror",
            "internal_error",
            "internal",
            "api_error",
            "internalserverexception",
            "internalfailure",
        ],
    ),
];

/// Phrases of messages, for errors that are told apart by nothing else: vLLM's and Gemini's context length, xAI's and Gemini's refused
/// key, Anthropic's empty account and Google's without one, Bedrock's unknown model.
const LAST_RESORT: [(FaultKind, &[&str]); 4] = [
    (
        FaultKind::ContextLength,
        &[
            "maximum context length",
            "context window",
            "prompt is too long",
            "input is too long",
            "exceeds the maximum number of tokens allowed",
            "too many tokens",
        ],
    ),
    (FaultKind::ModelMissing, &["model identifier is invalid", "with on-demand throughput"]),
    (FaultKind::Auth, &["incorrect api key", "api key not valid"]),
    (FaultKind::Billing, &["credit balance is too low", "enable billing"]),
];

/// The cause that `word` names.
pub(super) fn specific(word: &str) -> Option<FaultKind> {
    look_up(&SPECIFIC, |known| word.eq_ignore_ascii_case(known))
}

/// The side that `word` blames.
pub(super) fn general(word: &str) -> Option<FaultKind> {
    look_up(&GENERAL, |known| word.eq_ignore_ascii_case(known))
}

/// The last resort: what the text of a 4xx message says. Never asked where a status, code or type answers.
pub(super) fn last_resort(message: &str) -> Option<FaultKind> {
    let message = message.to_ascii_lowercase();
    look_up(&LAST_RESORT, |phrase| message.contains(phrase))
}

fn look_up(table: &[(FaultKind, &[&str])], matches: impl Fn(&str) -> bool) -> Option<FaultKind> {
    table.iter().find(|(_, known)| known.iter().any(|known| matches(known))).map(|(kind, _)| *kind)
}
