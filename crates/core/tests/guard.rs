//! State that a server keeps and tools that it runs: refused or turned off, API by API, unless
//! the model's rule allows them.

mod common;

use common::post;

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";

const STATE: &[(&str, &str)] = &[
    (
        CHAT,
        r#""messages":[{"content":[{"File":{"FILE_ID":"f"}}]}]"#,
    ),
    (
        CHAT,
        r#""messages":[{"content":{"type":"file","file":{"file_id":"f"}}}]"#,
    ),
    (
        CHAT,
        r#""messages":{"content":[{"file":[{"file_id":"f"}]}]}"#,
    ),
    (
        MESSAGES,
        r#""messages":[{"content":[{"source":{"type":"content","content":[{"source":{"file_id":"f"}}]}}]}]"#,
    ),
    (
        RESPONSES,
        r#""input":{"type":"item_reference","id":"msg_1"}"#,
    ),
    (RESPONSES, r#""input":[{"id":"msg_1","role":""}]"#),
    (
        RESPONSES,
        r#""input":[{"type":"code_interpreter_call","container_id":"c"}]"#,
    ),
    (
        RESPONSES,
        r#""input":[{"type":"image_generation_call","id":"ig_1"}]"#,
    ),
    (RESPONSES, r#""background":true"#),
    (RESPONSES, r#""background":"yes""#),
    (RESPONSES, r#""previous_response_id":"resp_1""#),
    (RESPONSES, r#""conversation":{"id":"conv_1"}"#),
    (RESPONSES, r#""prompt":{"id":"pmpt_1"}"#),
    (
        RESPONSES,
        r#""input":[{"type":"item_reference","id":"msg_1"}]"#,
    ),
    (RESPONSES, r#""input":[{"id":"msg_1"}]"#),
    (
        RESPONSES,
        r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]"#,
    ),
    (
        RESPONSES,
        r#""input":[{"type":"computer_call_output","output":{"file_id":"f"}}]"#,
    ),
    (
        CHAT,
        r#""messages":[{"content":[],"content":[{"file":{"file_id":null,"file_id":"f"}}]}]"#,
    ),
    (
        CHAT,
        r#""messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]"#,
    ),
    (
        CHAT,
        r#""messages":[{"content":[{"type":"file","file":{"fil\u0065_id":"f"}}]}]"#,
    ),
    (
        CHAT,
        r#""messages":[{"role":"assistant","audio":{"id":"audio_1"}}]"#,
    ),
    (MESSAGES, r#""container":"c""#),
    (
        MESSAGES,
        r#""messages":[{"content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]"#,
    ),
    (
        MESSAGES,
        r#""messages":[{"content":[{"type":"tool_result","content":[{"source":{"file_id":"f"}}]}]}]"#,
    ),
    ("/v1/messages/count_tokens", r#""container":"c""#),
];

const TOOLS: &[(&str, &str)] = &[
    (RESPONSES, r#""tools":{"type":"web_search"}"#),
    (
        MESSAGES,
        r#""tools":[{"type":"bash_code_execution_20250825"}]"#,
    ),
    (CHAT, r#""web_search_options":{}"#),
    (
        CHAT,
        r#""tools":[{"type":"function"},{"type":"web_search"}]"#,
    ),
    (
        RESPONSES,
        r#""tools":[{"type":"file_search","vector_store_ids":["v"]}]"#,
    ),
    (
        RESPONSES,
        r#""tools":[{"type":"code_interpreter","container":{"type":"auto"}}]"#,
    ),
    (RESPONSES, r#""tools":[{"type":"mcp"}]"#),
    (
        MESSAGES,
        r#""tools":[{"type":"web_search_20250305","name":"web_search"}]"#,
    ),
    (MESSAGES, r#""tools":[{"type":"code_execution_20250522"}]"#),
    (MESSAGES, r#""mcp_servers":[{"type":"url"}]"#),
];

fn send(path: &str, model: &str, field: &str) -> Result<serde_json::Value, String> {
    post(path, &format!(r#"{{"model":"{model}",{field}}}"#))
}

#[test]
fn references_to_kept_state_are_refused() {
    for &(path, field) in STATE {
        let code = send(path, "small", field).unwrap_err();
        let expected = if path.starts_with(MESSAGES) {
            "invalid_request_error"
        } else {
            "stateful_responses_disabled"
        };
        assert_eq!(code, expected, "{path} {field}");
        assert!(send(path, "free", field).is_ok(), "{path} {field}");
    }
}

#[test]
fn tools_that_the_server_runs_are_refused() {
    for &(path, field) in TOOLS {
        let code = send(path, "small", field).unwrap_err();
        let expected = if path == MESSAGES {
            "invalid_request_error"
        } else {
            "hosted_tools_disabled"
        };
        assert_eq!(code, expected, "{path} {field}");
        assert!(send(path, "free", field).is_ok(), "{path} {field}");
    }
}

#[test]
fn storing_is_turned_off() {
    assert_eq!(
        send(RESPONSES, "small", r#""input":"hi""#).unwrap()["store"],
        false
    );
    assert_eq!(
        send(RESPONSES, "small", r#""store":true"#).unwrap()["store"],
        false
    );
    assert_eq!(
        send(CHAT, "small", r#""store":true"#).unwrap()["store"],
        false
    );
    assert_eq!(send(CHAT, "small", r#""n":1"#).unwrap().get("store"), None);
    assert_eq!(
        send(RESPONSES, "free", r#""store":true"#).unwrap()["store"],
        true
    );
}

#[test]
fn what_is_the_clients_own_passes() {
    for (path, field) in [
        (
            CHAT,
            r#""tools":[{"type":"function","function":{"parameters":{"file_id":{}}}}]"#,
        ),
        (
            CHAT,
            r#""tools":[{"function":{}}],"messages":[{"content":"say file_id"}]"#,
        ),
        (
            CHAT,
            r#""messages":[{"content":[{"type":"text","text":"\"file_id\""}]}]"#,
        ),
        (CHAT, r#""modalities":["audio"],"audio":{"voice":"a"}"#),
        (
            CHAT,
            r#""messages":[{"role":"user","content":"a\u0041","content":"b"}]"#,
        ),
        (
            CHAT,
            r#""messages":[{"role":"user","content":"a\u0041","content":"b"}]"#,
        ),
        (CHAT, r#""messages":7,"tools":"x""#),
        (
            RESPONSES,
            r#""background":false,"previous_response_id":null,"input":"text""#,
        ),
        (
            RESPONSES,
            r#""input":[{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_1"}]"#,
        ),
        (
            RESPONSES,
            r#""tools":[{"type":"function"},{"type":"custom"},{"type":"local_shell"}]"#,
        ),
        (
            MESSAGES,
            r#""tools":[{"name":"own"},{"type":"bash_20250124","name":"bash"}]"#,
        ),
        (
            MESSAGES,
            r#""messages":[{"content":[{"type":"tool_use","input":{"file_id":"mine"}}]}]"#,
        ),
        (MESSAGES, r#""mcp_servers":[]"#),
    ] {
        assert!(send(path, "small", field).is_ok(), "{path} {field}");
    }
}
