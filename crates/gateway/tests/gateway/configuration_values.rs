//! Values as operators write them: with line breaks, from empty variables, under similar names; and the texts of errors.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use harness::{Node, binary, free_port, wait_until};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

use crate::gateway::configuration::run;

const SECRET: &str = "a secret of sixteen bytes";

/// What is left around values by `echo`, editors and copying.
const SURROUNDINGS: [(&str, &str); 5] =
    [("", "\n"), ("", "\r\n"), ("\u{feff}", ""), (" ", " \t"), ("\u{feff}", "\n\n")];

fn token() -> String {
    let claims = json!({ "sub": "ann", "exp": get_current_timestamp() + 600 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[test]
fn whitespace_and_byte_order_marks_around_values_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    for (before, after) in SURROUNDINGS {
        let around = |text: &str| format!("{before}{text}{after}");
        let url = around("redis://user:pass@host:6379/1");
        let (prefix, grace, modes) = (around("team"), around("3s"), around("trusted"));
        let environment = [
            ("TICKCAST__STORE__URL", url.as_str()),
            ("TICKCAST__STORE__PREFIX", prefix.as_str()),
            ("TICKCAST__DRAIN__GRACE", grace.as_str()),
            ("TICKCAST__AUTH__MODES", modes.as_str()),
        ];
        let (_, text) = run(&["config", "show"], &environment, &around("[log]\nlevel = \"warn\""));
        for line in ["store.url = \"redis://user:***@host:6379/1\"", "store.prefix = \"team\"", "drain.grace = \"3s\""]
        {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
        assert!(text.contains("log.level = \"warn\" # tickcast.toml"), "{text}");
        let file = folder.path().join("url");
        std::fs::write(&file, &url).unwrap();
        let path = around(&file.to_string_lossy());
        let (_, text) = run(&["config", "show"], &[("TICKCAST__STORE__URL_FILE", path.as_str())], "");
        assert!(text.contains("store.url = \"redis://user:***@host:6379/1\" # "), "{text}");
    }
    let embedded = format!("embedded://{}\n", folder.path().join("data").display());
    let (_, text) = run(&["config", "show"], &[("TICKCAST__STORE__URL", &embedded)], "");
    assert!(text.contains("/data\" # TICKCAST__STORE__URL"), "{text}");
}

#[tokio::test]
async fn a_secret_with_a_line_break_behind_it_verifies_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let path = file.to_string_lossy().into_owned();
    for (before, after) in SURROUNDINGS {
        let secret = format!("{before}{SECRET}{after}");
        std::fs::write(&file, &secret).unwrap();
        for setting in [("auth.jwt.secret", secret.as_str()), ("auth.jwt.secret_file", path.as_str())] {
            let node = Node::start_with(&[("store.url", "memory://"), ("auth.modes", "jwt"), setting]).await;
            let answer = node.get(&format!("/sessions?token={}", token())).await;
            assert_eq!(answer.status, 200, "{secret:?}: {}", answer.body);
        }
    }
}

#[test]
fn invisible_characters_within_values_are_refused() {
    for (key, value, expected) in [
        ("TICKCAST__STORE__URL", "embedded://./a\nb", "store.url is \"embedded://./a\\nb\", but it must not contain"),
        ("TICKCAST__STORE__URL", "redis://h:1\u{7}", "the character U+0007"),
        ("TICKCAST__AUTH__JWT__ISSUER", "https://a\u{feff}b", "the character U+FEFF"),
        ("TICKCAST__AUTH__JWT__AUDIENCE", "a,b\u{85}c", "the character U+0085"),
        ("TICKCAST__AUTH__JWT__SECRET", "s3cret-of-sixteen\nbytes", "auth.jwt.secret has a line break"),
        ("TICKCAST__AUTH__TOKENS", "s3c\tret=ann", "auth.tokens has a name with the character U+0009"),
    ] {
        let (output, text) = run(&["config", "check"], &[(key, value)], "");
        assert!(output.status.code() == Some(78) && text.contains(expected), "{expected}: {text}");
        assert!(!text.contains("s3c"), "{text}");
    }
    let file = "[auth.jwt]\nsecret = \"\"\"\ns3cret-of-sixteen-bytes\n\"\"\"\n";
    let (output, text) = run(&["config", "check"], &[], file);
    assert!(output.status.code() == Some(78) && text.contains("auth.jwt.secret has a line break"), "{text}");
}

#[tokio::test]
async fn rejected_signatures_are_logged_once_for_each_issuer() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", "another secret of this length"),
        ("auth.jwt.issuer", "main"),
        ("auth.issuers.acme.secret", "a third secret of this length"),
        ("auth.issuers.acme.issuer", "acme"),
    ];
    let node = Node::start_with(&settings).await;
    for issuer in ["main", "acme", "main", "acme"] {
        let claims = json!({ "sub": "ann", "iss": issuer, "exp": get_current_timestamp() + 600 });
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        assert_eq!(node.get(&format!("/sessions?token={token}")).await.status, 401);
    }
    let lines = |issuer: &str| {
        let log = node.log();
        let lines = log.lines().filter(|line| line.contains("WARN") && line.contains("not those of the issuer"));
        lines.filter(|line| line.contains(issuer)).count()
    };
    assert_eq!((lines("auth.jwt"), lines("auth.issuers.acme")), (1, 1), "{}", node.log());
}

#[test]
fn empty_variables_of_files_and_secrets_count_as_unset() {
    let files = [
        "STORE__URL_FILE",
        "STORE__CA_FILE",
        "AUTH__JWT__SECRET_FILE",
        "AUTH__TOKENS_FILE",
        "AUTH__JWT__PUBLIC_KEY_FILES",
        "AUTH__JWT__JWKS_CA_FILE",
        "AUTH__EXPRESS_SESSION__SECRET_FILE",
        "AUTH__EXPRESS_SESSION__URL_FILE",
        "AUTH__EXPRESS_SESSION__CA_FILE",
        "PUBLIC__TLS__CERTIFICATE_FILE",
        "PUBLIC__TLS__KEY_FILE",
    ];
    for empty in ["", " ", "\n"] {
        let variables = files.map(|key| (format!("TICKCAST__{key}"), empty));
        let mut environment: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        environment.push(("TICKCAST__AUTH__MODES", "jwt"));
        environment.push(("TICKCAST__AUTH__JWT__SECRET", SECRET));
        environment.push(("TICKCAST__STORE__URL", "redis://h"));
        let (output, text) = run(&["config", "check"], &environment, "");
        assert!(output.status.success(), "{empty:?}: {text}");
    }
    let environment = [("TICKCAST__AUTH__MODES", "jwt"), ("TICKCAST__AUTH__JWT__SECRET", "")];
    let (output, text) = run(&["config", "check"], &environment, "");
    assert!(output.status.code() == Some(78) && text.contains("auth.jwt.secret is required"), "{text}");
}

#[test]
fn the_settings_shown_are_a_valid_configuration_file() {
    let (_, shown) = run(&["config", "show"], &[], "");
    let (output, again) = run(&["config", "show"], &[], &shown);
    assert!(output.status.success(), "{again}");
    let values = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.rsplit_once(" # ")).map(|(setting, _)| setting.to_owned()).collect()
    };
    assert_eq!(values(&again), values(&shown));
}

#[test]
fn variables_that_resemble_settings_are_reported_and_those_of_kubernetes_are_not() {
    let environment = [("TICKCAST_STORE_URL", "redis://h"), ("TICKCAST__STORE_URL", "redis://h")];
    let (output, text) = run(&["config", "check"], &environment[..1], "");
    let warning = "warning: the variable TICKCAST_STORE_URL is ignored: that of store.url is TICKCAST__STORE__URL";
    assert!(output.status.success() && text.contains(warning), "{text}");
    let (output, text) = run(&["config", "check"], &environment[1..], "");
    assert!(output.status.code() == Some(78) && text.contains("did you mean store.url?"), "{text}");
    for service in ["TICKCAST", "TICKCAST_STORE", "TICKCAST__STORE"] {
        let injected = [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "6379"),
            ("SERVICE_PORT_REDIS", "6379"),
            ("PORT", "tcp://10.0.0.1:6379"),
            ("PORT_6379_TCP", "tcp://10.0.0.1:6379"),
            ("PORT_6379_TCP_PROTO", "tcp"),
            ("PORT_6379_TCP_PORT", "6379"),
            ("PORT_6379_TCP_ADDR", "10.0.0.1"),
        ];
        let injected = injected.map(|(suffix, value)| (format!("{service}_{suffix}"), value));
        let injected: Vec<(&str, &str)> = injected.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let (output, text) = run(&["config", "check"], &injected, "");
        assert!(output.status.success() && !text.contains("warning"), "{service}: {text}");
    }
}

#[tokio::test]
async fn warnings_are_logged_at_the_start() {
    let mut node = Node::launch_in(&[("store.url", "memory://")], &[("TICKCAST_LOG_FORMAT", "json")]);
    node.is_ready().await;
    let warning = "the variable TICKCAST_LOG_FORMAT is ignored: that of log.format is TICKCAST__LOG__FORMAT";
    assert!(node.log().contains(warning), "{}", node.log());
}

#[test]
fn parameters_of_a_redis_address_that_are_unknown_are_refused() {
    for (key, url, expected) in [
        ("TICKCAST__STORE__URL", "redis://h:6379?db=3", "store.url is ***, but it has the parameter db"),
        ("TICKCAST__STORE__URL", "redis://h:6379?db=3", "redis://host:6379/3"),
        ("TICKCAST__STORE__URL", "unix:///run/redis.sock?db=3", "it has the parameter db"),
        ("TICKCAST__AUTH__EXPRESS_SESSION__URL", "redis://h?database=1", "it has the parameter database"),
        ("TICKCAST__STORE__URL", "redis://h?timeout=5", "it has the unknown parameter timeout"),
    ] {
        let (output, text) = run(&["config", "check"], &[(key, url)], "");
        assert!(output.status.code() == Some(78) && text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn version_and_help_are_those_of_tickcast() {
    let (output, text) = run(&["--version"], &[], "");
    assert!(output.status.success());
    assert_eq!(text, concat!("tickcast ", env!("CARGO_PKG_VERSION"), "\n"));
    for arguments in [&["--help"][..], &["-h"]] {
        let (output, text) = run(arguments, &[], "");
        let start = "Keeps running timers on the server and shows the same second on every device";
        assert!(output.status.success() && text.starts_with(start), "{text}");
        assert!(text.contains("Usage: tickcast [OPTIONS] [COMMAND]") && !text.contains("gateway"), "{text}");
    }
}

#[test]
fn a_value_that_is_not_utf_8_is_reported_under_its_name_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (name, visible) in
        [("TICKCAST__NODE__ID", "TICKCAST__NODE__ID is not valid UTF-8"), ("TICKCAST__AUTH__TOKENS__S3CRET", "TOKENS_")]
    {
        let output = Command::new(binary())
            .args(["config", "check"])
            .env(name, OsStr::from_bytes(b"s3cret\xff"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(78) && text.contains(visible), "{text}");
        assert!(!text.to_lowercase().contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn an_error_of_the_operating_system_is_named_once_and_readable() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tickcast.redb")).unwrap();
    let url = format!("embedded://{}", folder.path().display());
    let mut node = Node::launch(&[("store.url", &url)]);
    assert_eq!(node.ended().await.code(), Some(1));
    let log = node.log();
    assert_eq!(log.matches("os error").count(), 1, "{log}");
    assert!(log.contains(&format!("tickcast: {} can't be used as a store: ", folder.path().display())), "{log}");

    let url = format!("redis://127.0.0.1:{}", free_port());
    let node = Node::launch(&[("store.url", &url)]);
    wait_until("the reason", async || {
        let answer = harness::http::request(node.internal, "GET", "/readyz", &[], b"").await;
        answer.is_ok_and(|answer| answer.body.contains("Connection refused (os error 111)"))
    })
    .await;
    let answer = node.get_internal("/readyz").await;
    assert!(!answer.body.contains("Os {") && !node.log().contains("Os {"), "{} {}", answer.body, node.log());
}

#[tokio::test]
async fn the_answer_401_tells_missing_credentials_from_rejected_ones() {
    let message = async |node: &Node, path: &str| {
        let answer = node.get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("Unauthorized")), "{path}");
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET)]).await;
    for (path, expected) in [
        ("/sessions", "a token is needed"),
        ("/sessions?token=", "a token is needed"),
        ("/sessions?token=nonsense", "the token was rejected: it is invalid or has expired"),
        ("/sessions?userId=ann", "the user id was rejected: it needs a token"),
        ("/sessions?userId=ann&userId=ben", "the query cannot be parsed"),
    ] {
        assert_eq!(message(&node, path).await, expected, "{path}");
    }
    let contradicts = format!("/sessions?userId=ben&token={}", token());
    let expected = "the token was rejected: it is invalid, has expired, or belongs to another user id";
    assert_eq!(message(&node, &contradicts).await, expected);
    let trusted = Node::start().await;
    assert_eq!(message(&trusted, "/sessions").await, "a token or a user id is needed");
    assert_eq!(message(&trusted, "/sessions?userId=%0A").await, "the user id was rejected: it is invalid");
}
