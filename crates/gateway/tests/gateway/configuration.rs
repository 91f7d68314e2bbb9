//! The configuration, as an operator uses it.

use std::process::{Command, Output};

use harness::binary;

pub(super) fn run(arguments: &[&str], environment: &[(&str, &str)], file: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("tickcast.toml"), file).unwrap();
    }
    let output = Command::new(binary())
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output, text)
}

#[test]
fn every_error_is_reported_with_its_source_and_the_exit_code_is_78() {
    let file = "mode = \"production\"\n[public]\nlisten = \"nowhere\"\n[store]\nurl = \"mysql://x\"\nulr = \"y\"\n\
                [drain]\ngrace = \"soon\"\n[limits]\nconnections = 0\n";
    let environment = [
        ("TICKCAST__AUTH__MODES", "trusted,magic"),
        ("TICKCAST__STORE__PREFIX", "a b"),
        ("TICKCAST__INTERNAL__HOSTS", "ops.example.com:9000"),
    ];
    for command in [&["config", "check"][..], &["config", "show"], &["serve"], &[]] {
        let (output, text) = run(command, &environment, file);
        assert_eq!(output.status.code(), Some(78), "{text}");
        for line in [
            "tickcast.toml: public.listen is \"nowhere\", but it must be an IP address and a port",
            "tickcast.toml: store.url is \"mysql://x\", but it must begin with embedded://",
            "tickcast.toml: store.ulr is not a known setting (did you mean store.url?)",
            "tickcast.toml: drain.grace is \"soon\", but it must be a duration",
            "tickcast.toml: limits.connections is \"0\", but it must be a whole number above 0",
            "TICKCAST__AUTH__MODES: auth.modes contains \"magic\", but it must be one of trusted, jwt",
            "TICKCAST__AUTH__MODES: auth.modes must not contain trusted in production",
            "TICKCAST__STORE__PREFIX: store.prefix is \"a b\"",
            "TICKCAST__INTERNAL__HOSTS: internal.hosts contains \"ops.example.com:9000\", but it must be a host name",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
        assert!(text.contains("9 error(s)"), "{text}");
    }
}

#[test]
fn a_malformed_or_missing_file_is_reported() {
    let (output, text) = run(&["config", "check"], &[], "public = [\n");
    assert_eq!(output.status.code(), Some(78));
    assert!(text.contains("tickcast.toml") && text.contains("line"), "{text}");
    let (output, text) = run(&["--config", "other.toml", "config", "check"], &[], "");
    assert_eq!(output.status.code(), Some(78));
    assert!(text.contains("other.toml"), "{text}");
}

#[test]
fn flags_override_the_environment_and_that_overrides_the_file() {
    let file = "[public]\nlisten = \"127.0.0.1:1\"\n[internal]\nlisten = \"127.0.0.1:2\"\n[store]\nprefix = \"file\"\n";
    let environment = [("TICKCAST__INTERNAL__LISTEN", "127.0.0.1:3"), ("TICKCAST__STORE__PREFIX", "env")];
    let (_, text) = run(&["config", "show", "--set", "store.prefix=flag"], &environment, file);
    for line in [
        "public.listen = \"127.0.0.1:1\" # tickcast.toml",
        "internal.listen = \"127.0.0.1:3\" # TICKCAST__INTERNAL__LISTEN",
        "store.prefix = \"flag\" # --set store.prefix",
        "drain.grace = \"25s\" # default",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let environment = [
        ("TICKCAST__STORE__URL", "redis://user:s3cret-url@host:6379"),
        ("TICKCAST__AUTH__JWT__SECRET", "s3cret-of-sixteen-bytes"),
        ("TICKCAST__AUTH__TOKENS", "s3cret-token=ann"),
        ("TICKCAST__AUTH__MODES", "jwt"),
    ];
    let (output, text) = run(&["config", "show"], &environment, "");
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("redis://user:***@host:6379"), "{text}");
    let (output, text) = run(&["config", "check"], &[("TICKCAST__AUTH__JWT__SECRET", "s3cret")], "");
    assert!(!output.status.success() && !text.contains("s3cret"), "{text}");
}

#[test]
fn errors_do_not_show_secrets() {
    let url = |url: &'static str| [("TICKCAST__STORE__URL", url)];
    for environment in
        [url("redis://:s3cret@host:port"), url("reddis://:s3cret@host"), url("redis://h/?password=s3cret&x")]
    {
        let (_, text) = run(&["config", "check"], &environment, "");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let (output, text) = run(&["config", "check"], &[], "[auth.jwt]\nsecret = \"s3cret\n");
    assert!(output.status.code() == Some(78) && text.contains("line 2") && !text.contains("s3cret"), "{text}");
}

#[test]
fn insecure_authentication_settings_are_refused() {
    let long = "TICKCAST__AUTH__JWT__SECRET";
    let secret = (long, "a secret of sixteen bytes");
    let (modes, jwt) = ("TICKCAST__AUTH__MODES", ("TICKCAST__AUTH__MODES", "jwt"));
    let (production, jwks) = (("TICKCAST__MODE", "production"), "TICKCAST__AUTH__JWT__JWKS_URL");
    let next_auth = ("TICKCAST__AUTH__NEXT_AUTH__SECRET", "s3cret");
    let express = [
        (modes, "express-session"),
        ("TICKCAST__AUTH__EXPRESS_SESSION__SECRET", "x"),
        ("TICKCAST__AUTH__EXPRESS_SESSION__URL", "redis://h"),
    ];
    for (environment, message) in [
        (&[jwt, (long, "-----BEGIN PUBLIC KEY-----")][..], "must be a secret, not a key"),
        (&[&express[..], &[secret]].concat(), "must contain jwt, because issuers of tokens are configured"),
        (
            &[&express[..], &[("TICKCAST__PUBLIC__ORIGINS", "https://a.org,null")]].concat(),
            "must not contain * or null",
        ),
        (&[&express[..], &[("TICKCAST__PUBLIC__ORIGINS", "*")]].concat(), "must not contain * or null"),
        (&[jwt, production, (jwks, "http://a.org/keys")], "must begin with https://"),
        (&[jwt, (jwks, "https://me:s3cret@a.org/keys")], "must not have a password"),
        (&[jwt, secret, production, ("TICKCAST__AUTH__TOKENS", "short=ann")], "at least 16 bytes each"),
        (&[jwt, secret, production, ("TICKCAST__AUTH__TEST_HEADERS", "true")], "auth.test_headers must be off"),
        (&[jwt, secret, ("TICKCAST__AUTH__JWT__LEEWAY", "2h")], "must be at most 1h"),
        (&[jwt, secret, ("TICKCAST__AUTH__ISSUERS__ACME__ISSUER", "a")], "auth.issuers.acme.secret is required"),
        (&[(modes, "express-session")], "auth.express_session.secret is required"),
        (&[(modes, "express-session")], "auth.express_session.url is required"),
        (&[(modes, "next-auth")], "auth.next_auth.secret is required for the mode next-auth"),
        (&[jwt, secret, next_auth], "auth.modes must contain next-auth, because its secret is configured"),
        (&[(modes, "next-auth"), ("TICKCAST__AUTH__NEXT_AUTH__SYSTEMS", "chess")], "it must be one of clockit"),
        (
            &[(modes, "next-auth"), next_auth, ("TICKCAST__PUBLIC__ORIGINS", "*")],
            "must not contain * or null with next-auth",
        ),
        (&[(modes, "next-auth"), next_auth, production], "auth.next_auth.secret must have at least 16 bytes"),
    ] {
        let (output, text) = run(&["config", "check"], environment, "");
        assert!(output.status.code() == Some(78) && text.contains(message), "{message}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn secrets_are_read_from_files_whose_content_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_string_lossy().into_owned()
    };
    let (secrets, tokens) =
        (file("secrets", "s3cret-of-sixteen-bytes\ns3cret-that-is-older\n"), file("tokens", "s3cret=ann\n"));
    let url = file("url", "redis://user:s3cret@host:6379\n");
    let environment = [
        ("TICKCAST__AUTH__MODES", "jwt"),
        ("TICKCAST__AUTH__JWT__SECRET_FILE", secrets.as_str()),
        ("TICKCAST__AUTH__TOKENS_FILE", tokens.as_str()),
        ("TICKCAST__STORE__URL_FILE", url.as_str()),
    ];
    let (output, text) = run(&["config", "show"], &environment, "");
    assert!(output.status.success() && !text.contains("s3cret"), "{text}");
    assert!(text.contains("store.url = \"redis://user:***@host:6379\"") && text.contains("*** (1 entries)"), "{text}");
    let empty = file("empty", "\n");
    for (key, value, message) in [
        ("TICKCAST__AUTH__JWT__SECRET_FILE", "/nowhere", "it cannot be read"),
        ("TICKCAST__AUTH__JWT__SECRET_FILE", empty.as_str(), "it is empty"),
        ("TICKCAST__STORE__URL_FILE", tokens.as_str(), "store.url is ***, but"),
    ] {
        let (output, text) = run(&["config", "check"], &[("TICKCAST__AUTH__MODES", "trusted"), (key, value)], "");
        assert!(output.status.code() == Some(78) && text.contains(message) && !text.contains("s3cret"), "{text}");
    }
    let both = [("TICKCAST__STORE__URL", "memory://"), ("TICKCAST__STORE__URL_FILE", url.as_str())];
    let (_, text) = run(&["config", "check"], &both, "");
    assert!(text.contains("must not be set together with store.url"), "{text}");
}

#[test]
fn tokens_that_are_names_of_settings_are_not_shown() {
    for (arguments, environment, file) in [
        (&["config", "show", "--set", "auth.tokens.s3cret=ann"][..], &[][..], ""),
        (&["config", "show"], &[("TICKCAST__AUTH__TOKENS__S3CRET", "ann")], ""),
        (&["config", "check"], &[], "[auth.token]\ns3cret = \"ann\"\n"),
        (&["config", "check"], &[("TICKCAST__AUTH__TOKEN__S3CRET", "ann")], ""),
        (&["config", "check", "--set", "auth.jwt.secret:s3cret"], &[], ""),
    ] {
        let (_, text) = run(arguments, environment, file);
        assert!(!text.to_lowercase().contains("s3cret"), "{text}");
    }
}

#[test]
fn an_invalid_log_level_is_refused() {
    for (level, is_valid) in
        [("info", true), ("off", true), ("warn,store=debug", true), ("inof", false), ("store=inof", false), ("", false)]
    {
        let (output, text) = run(&["config", "check"], &[("TICKCAST__LOG__LEVEL", level)], "");
        assert_eq!(output.status.success(), is_valid, "{level}: {text}");
    }
}

#[test]
fn static_tokens_can_contain_base64_and_must_name_one_user() {
    let modes = ("TICKCAST__AUTH__MODES", "trusted");
    let (output, text) = run(&["config", "check"], &[modes, ("TICKCAST__AUTH__TOKENS", "czNjcmV0==ann")], "");
    assert!(output.status.success(), "{text}");
    let (output, text) = run(&["config", "check"], &[modes], "[auth.tokens]\ns3cret = [\"ann\", \"ben\"]\n");
    assert!(
        output.status.code() == Some(78) && text.contains("auth.tokens must have one value for each name"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn without_authentication_the_public_listener_is_on_loopback() {
    let (_, text) = run(&["config", "show"], &[], "");
    assert!(text.contains("public.listen = \"127.0.0.1:4000\" # default"), "{text}");
    assert!(text.contains("store.url = \"embedded://./data\" # default"), "{text}");
    let environment = [("TICKCAST__AUTH__MODES", "jwt"), ("TICKCAST__AUTH__JWT__SECRET", "a secret of sixteen bytes")];
    let (_, text) = run(&["config", "show"], &environment, "");
    assert!(text.contains("public.listen = \"0.0.0.0:4000\" # default"), "{text}");
}

#[test]
fn the_reference_lists_every_setting_with_its_default_and_no_other() {
    let (_, shown) = run(&["config", "show"], &[], "");
    let reference =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap();
    let documented: Vec<(String, String)> = reference
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let key = cells.next()?.trim_end_matches('`');
            Some((key.to_owned(), cells.next()?.trim_matches('`').to_owned()))
        })
        .collect();
    for line in shown.lines() {
        let (key, rest) = line.split_once(" = ").unwrap();
        let value = rest.rsplit_once(" # ").unwrap().0.trim_matches('"');
        let value = if key == "node.id" { "random" } else { value };
        let row = documented.iter().find(|(documented, _)| documented == key);
        assert_eq!(row.map(|(_, default)| default.as_str()), Some(value), "{key}");
    }
    assert_eq!(documented.len(), shown.lines().count(), "the reference lists unknown settings");
}
