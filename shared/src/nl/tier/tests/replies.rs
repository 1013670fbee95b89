//! What a server's answers mean.

use super::*;

fn reply(body: &str) -> Result<Reply> {
    Reply::read(body.as_bytes(), config("").server(), 400)
}

#[test]
fn answers_are_read() {
    let found = reply(&choices(&["SELECT 1"])).unwrap();
    assert_eq!(found.tokens, (100, 2));
    let counted = r#"{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 5, "completion_tokens": -1}}"#;
    assert_eq!(reply(counted).unwrap().tokens, (5, 1));
    for (body, words) in [
        ("", "0 bytes that are not JSON"),
        ("{\"choices\": [", "not JSON"),
        ("[]", "without a list \"choices\""),
        (
            r#"{"error": {"message": "internal"}}"#,
            "without a list \"choices\"",
        ),
        (r#"{"choices": []}"#, "without a list"),
        (r#"{"choices": "internal"}"#, "without a list"),
        (
            r#"{"choices": [{"message": {"content": null}}]}"#,
            "without a text",
        ),
        (
            r#"{"choices": [{"message": {"content": ["internal"]}}]}"#,
            "without a text",
        ),
        (
            r#"{"choices": [{"message": "internal"}]}"#,
            "without a text",
        ),
        (r#"{"choices": [7, null, {}]}"#, "without a text"),
        (&"[".repeat(100_000), "not JSON"),
    ] {
        let error = reply(body).unwrap_err().to_string();
        assert!(
            error.contains(words) && !error.contains("internal"),
            "{error}"
        );
    }
}

#[test]
fn what_may_be_a_select_is_found() {
    let candidates = |texts: &[&str]| reply(&choices(texts)).unwrap().candidates(3);
    for (text, expected) in [
        ("SELECT 1;", &["SELECT 1"][..]),
        ("```sql\nSELECT 1;\n```", &["SELECT 1"]),
        (
            "Here:\n```\nSELECT 1\n```\nor\n```SQL\nSELECT 2\n```",
            &["SELECT 1", "SELECT 2"],
        ),
        (
            "```sql\nSELECT 1\n```\n```sql\nSELECT 1 ;\n```",
            &["SELECT 1"],
        ),
        ("```SELECT 1```", &["SELECT 1"]),
        ("```SELECT a,\n b```", &["SELECT a,\n b"]),
        ("```sql\nSELECT 1", &["SELECT 1"]),
        (
            "<think>```sql\nSELECT 9\n```</think>SELECT 1",
            &["SELECT 1"],
        ),
        (
            "The answer is:\n  with a AS (SELECT 1)\nSELECT 2\n\nAs asked.",
            &["with a AS (SELECT 1)\nSELECT 2"],
        ),
        ("DROP TABLE customer", &[]),
        ("I cannot help with that. select nothing", &[]),
        ("", &[]),
        ("``````", &[]),
        // Whatever it is, the gate looks at it.
        (
            "```sql\nDROP TABLE customer; SELECT 1\n```",
            &["DROP TABLE customer; SELECT 1"],
        ),
        (
            "```sql\nSELECT 1\n```\n```sql\nSELECT 2\n```\n```\nSELECT 3\n```\n```\nSELECT 4\n```",
            &["SELECT 1", "SELECT 2", "SELECT 3"],
        ),
    ] {
        assert_eq!(candidates(&[text]), expected, "{text}");
    }
    assert_eq!(
        candidates(&["SELECT 1", "SELECT 2", "SELECT 1"]),
        ["SELECT 1", "SELECT 2"]
    );
    assert!(candidates(&[&format!("SELECT '{}'", "x".repeat(70_000))]).is_empty());
    // As many as fit into an answer, of which none is like another: those that are not wanted are not compared.
    let many: String = (0..100_000).map(|i| format!("```{i}```")).collect();
    assert_eq!(candidates(&[&many]), ["0", "1", "2"]);
}
