//! Tests of the cookies of a next-auth server, with tokens that the npm package next-auth has made.

use super::*;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, Uri};
use serde_json::json;

use super::session_cookies::TOKEN_BYTES_MAX;
use crate::secret::Secret;

const PLAIN: &str = "next-auth.session-token";
const SECURE: &str = "__Secure-next-auth.session-token";

/// The tokens that `console/test/fixture/next-auth-vectors.mjs` writes.
#[derive(Deserialize)]
struct Vectors {
    secret: String,
    previous_secret: String,
    valid: BTreeMap<String, String>,
    refused: BTreeMap<String, String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../../fixtures/next_auth/cookies.json")).unwrap()
}

fn sessions(secrets: &[&str], namespace: Option<&str>) -> NextAuthSessions {
    let settings = NextAuthSettings {
        secrets: secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect(),
        namespace: namespace.map(str::to_owned),
        systems: Vec::new(),
    };
    NextAuthSessions::new(&settings, Namespaces::of(["web".to_owned()].into_iter()))
}

fn credentials(cookies: &str) -> Credentials {
    let headers = HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
    Credentials::of(&Uri::from_static("/"), &headers).unwrap()
}

/// Returns the user of cookies, if they authenticate one.
fn user(sessions: &NextAuthSessions, cookies: &str) -> Option<String> {
    let identity = sessions.authenticate(&credentials(cookies)).ok()?;
    assert_eq!(identity.method, AuthMethod::NextAuth);
    Some(identity.user.as_str().to_owned())
}

/// Returns a token as chunks of a length, as cookies.
fn chunks(name: &str, token: &str, length: usize) -> Vec<String> {
    let chunks = token.as_bytes().chunks(length).enumerate();
    chunks.map(|(number, chunk)| format!("{name}.{number}={}", str::from_utf8(chunk).unwrap())).collect()
}

#[test]
fn tokens_of_the_real_package_name_their_users() {
    let Vectors { secret, previous_secret, valid, .. } = vectors();
    let sessions = sessions(&[&secret, &previous_secret], None);
    for (name, expected) in [
        ("complete", "42"),
        ("of_the_previous_secret", "ann"),
        ("without_id", "7"),
        ("with_a_number", "7"),
        ("with_a_type", "42"),
    ] {
        for cookie in [PLAIN, SECURE] {
            assert_eq!(user(&sessions, &format!("{cookie}={}", valid[name])).as_deref(), Some(expected), "{name}");
        }
    }
    let identity = sessions.authenticate(&credentials(&format!("{PLAIN}={}", valid["complete"]))).unwrap();
    let profile = identity.profile.as_deref().unwrap();
    assert_eq!(profile.name.as_deref(), Some("Ann Ümit"));
    assert_eq!(profile.email.as_deref(), Some("ann@example.org"));
    assert!(identity.organization.is_none() && matches!(identity.validity, Validity::Until(_)));
    let anonymous = sessions.authenticate(&credentials(&format!("{PLAIN}={}", valid["with_a_number"]))).unwrap();
    assert_eq!(anonymous.profile, None);
}

#[test]
fn other_algorithms_other_secrets_and_expired_tokens_are_refused() {
    let Vectors { secret, refused, .. } = vectors();
    let sessions = sessions(&[&secret], None);
    assert_eq!(refused.len(), 9);
    for (name, token) in refused {
        assert!(token.split('.').count() == 5, "{name}");
        assert_eq!(user(&sessions, &format!("{PLAIN}={token}")), None, "{name}");
    }
}

#[test]
fn each_secret_of_a_rotation_is_tried() {
    let Vectors { secret, previous_secret, valid, .. } = vectors();
    let (current, previous) = (&valid["complete"], &valid["of_the_previous_secret"]);
    let cookie = |token: &str| format!("{PLAIN}={token}");
    let rotated = sessions(&[&secret], None);
    assert_eq!(user(&rotated, &cookie(previous)), None);
    let both = sessions(&[&secret, &previous_secret], None);
    both.authenticate(&credentials(&cookie(current))).unwrap();
    rotated.replace_keys(&both.settings);
    assert_eq!(user(&rotated, &cookie(previous)).as_deref(), Some("ann"));
    rotated.replace_keys(&sessions(&[&previous_secret], None).settings);
    assert_eq!(user(&rotated, &cookie(current)), None, "a removed secret is not accepted");
}

#[test]
fn chunks_are_joined_by_their_numbers() {
    let Vectors { secret, valid, .. } = vectors();
    let sessions = sessions(&[&secret], None);
    let token = &valid["chunked"];
    assert!(token.len() > 4096);
    for name in [PLAIN, SECURE] {
        let mut parts = chunks(name, token, 3933);
        assert_eq!(parts.len(), 2);
        assert_eq!(user(&sessions, &parts.join("; ")).as_deref(), Some("42"));
        parts.reverse();
        assert_eq!(user(&sessions, &parts.join(";\t theme=dark ;")).as_deref(), Some("42"), "out of order");
        assert_eq!(user(&sessions, &parts[0]), None, "the first chunk is missing");
        assert_eq!(user(&sessions, &parts[1]), None, "the last chunk is missing");
        let repeated = format!("{}; {name}.0=x; {}", parts[1], parts[0]);
        assert_eq!(user(&sessions, &repeated).as_deref(), Some("42"), "the first of two chunks of a number counts");
        let foreign = format!("{}; {name}.x=1; {name}.=1; {name}.+0=1; {name}.-1=1; {name}.99=1", parts.join("; "));
        assert_eq!(user(&sessions, &foreign).as_deref(), Some("42"), "other names are no chunks");
        let stale = format!("{}; {name}.2=", parts.join("; "));
        assert_eq!(user(&sessions, &stale).as_deref(), Some("42"), "an empty cookie is a cleared one");
    }
    let four = chunks(PLAIN, token, token.len() / 4 + 1);
    assert_eq!(four.len(), 4);
    assert_eq!(user(&sessions, &four.join("; ")).as_deref(), Some("42"));
    let gap = [&four[0], &four[1], &four[3]].map(String::as_str).join("; ");
    assert_eq!(user(&sessions, &gap), None);
}

#[test]
fn of_several_cookies_a_valid_one_counts_and_the_secure_one_precedes() {
    let Vectors { secret, valid, refused, .. } = vectors();
    let sessions = sessions(&[&secret], None);
    let (ann, seven, expired) = (&valid["complete"], &valid["with_a_number"], &refused["expired"]);
    for (cookies, expected) in [
        (format!("{PLAIN}={seven}; {SECURE}={ann}"), "42"),
        (format!("{PLAIN}={ann}; {SECURE}={seven}"), "7"),
        (format!("{SECURE}={expired}; {PLAIN}={ann}"), "42"),
        (format!("{SECURE}.1=rest; {PLAIN}={ann}"), "42"),
        (format!("{PLAIN}=; {PLAIN}={ann}"), "42"),
        (format!("{PLAIN}={ann}; {PLAIN}={seven}"), "42"),
        (format!("  {PLAIN}  =  \"{ann}\"  "), "42"),
        (format!("{PLAIN}={seven}; {}", chunks(PLAIN, ann, 100)[0]), "7"),
    ] {
        assert_eq!(user(&sessions, &cookies).as_deref(), Some(expected), "{cookies}");
    }
    let rest = chunks(PLAIN, ann, ann.len() / 2 + 1).join("; ");
    assert_eq!(user(&sessions, &format!("{PLAIN}={expired}; {rest}")).as_deref(), Some("42"));
    for absent in ["", "a=b", "next-auth.session-token", "next-auth.session-tokens=x", "next-auth.session-token="] {
        assert!(!NextAuthSessions::has_cookie(&credentials(absent)), "{absent}");
        assert_eq!(sessions.authenticate(&credentials(absent)).unwrap_err(), Denied::Missing);
    }
}

#[test]
fn users_are_qualified_by_the_namespace_of_their_server() {
    let Vectors { secret, valid, .. } = vectors();
    let cookie = format!("{PLAIN}={}", valid["complete"]);
    let identity = sessions(&[&secret], Some("web")).authenticate(&credentials(&cookie)).unwrap();
    assert_eq!((identity.user.as_str(), identity.local_user()), ("web:42", "42"));
}

#[test]
fn a_changed_letter_in_any_part_is_noticed() {
    let Vectors { secret, valid, .. } = vectors();
    let sessions = sessions(&[&secret], None);
    let token = &valid["complete"];
    for at in (0..token.len()).filter(|at| token.as_bytes()[*at] != b'.') {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(user(&sessions, &format!("{PLAIN}={changed}")), None, "the letter {at}");
        assert_eq!(user(&sessions, &format!("{PLAIN}={}", &token[..at])), None, "cut at {at}");
    }
}

#[test]
fn a_shortened_tag_another_iv_and_an_own_key_are_refused() {
    let Vectors { secret, valid, .. } = vectors();
    let keys = [DecryptionKey::derive(&secret, KEY_INFO)];
    let token = &valid["complete"];
    assert!(jwe::decrypt(token, &keys).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let with = |at: usize, part: &str| {
        let mut changed = parts.clone();
        changed[at] = part;
        jwe::decrypt(&changed.join("."), &keys).unwrap_err()
    };
    let tag = URL_SAFE_NO_PAD.decode(parts[4]).unwrap();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    for kept in 0..tag.len() {
        assert!(matches!(with(4, &encode(&tag[..kept])), JweError::Unsupported(_)), "{kept} bytes of the tag");
    }
    assert!(matches!(with(1, &encode(b"0123456789abcdef")), JweError::Unsupported(_)));
    assert!(matches!(with(2, &encode(b"eleven byte")), JweError::Unsupported(_)));
    assert_eq!(with(2, &encode(b"twelve bytes")), JweError::UnknownKey);
    // The header is authenticated as it is written.
    assert_eq!(with(0, &encode(br#"{"enc":"A256GCM","alg":"dir"}"#)), JweError::UnknownKey);
    for header in ["[]", "{}", "\"dir\"", r#"{"alg":"dir"}"#, r#"{"alg":"none","enc":"A256GCM"}"#] {
        assert!(matches!(with(0, &encode(header.as_bytes())), JweError::Unsupported(_)), "{header}");
    }
    for malformed in ["", ".", "....", "a.b.c.d.e", &format!("{token}."), &format!("{token}=")] {
        assert!(matches!(jwe::decrypt(malformed, &keys), Err(JweError::Unsupported(_))), "{malformed}");
    }
    assert_eq!(jwe::decrypt(token, &[]), Err(JweError::UnknownKey));
}

#[test]
fn claims_expire_and_begin_with_the_tolerance_of_next_auth() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let parse = |claims: Value| parse_claims(claims.to_string().as_bytes(), now);
    let until = |exp: u64| parse(json!({ "sub": "ann", "exp": exp })).map(|(.., until)| until);
    assert_eq!(until(1_800_000_100), Ok(now + Duration::from_secs(115)));
    assert_eq!(until(1_799_999_986), Ok(now + Duration::from_secs(1)));
    assert!(until(1_799_999_985).is_err() && until(0).is_err());
    assert!(until(u64::MAX).is_ok_and(|until| until > now), "a date that no clock can represent");
    let begins = |nbf: i64| parse(json!({ "sub": "ann", "exp": 1_800_000_100, "nbf": nbf })).is_ok();
    assert!(begins(0) && begins(-1) && begins(1_800_000_015) && !begins(1_800_000_016) && !begins(i64::MAX));
    for invalid in [
        json!({ "sub": "ann" }),
        json!({ "sub": "ann", "exp": null }),
        json!({ "sub": "ann", "exp": "1900000000" }),
        json!({ "sub": "ann", "exp": 1_900_000_000, "nbf": "0" }),
        json!({ "exp": 1_900_000_000 }),
        json!({ "sub": "", "id": null, "exp": 1_900_000_000 }),
        json!({ "sub": true, "id": { "a": 1 }, "exp": 1_900_000_000 }),
        json!([]),
        json!("ann"),
    ] {
        assert!(parse(invalid.clone()).is_err(), "{invalid}");
    }
    let (login, profile, _) = parse(json!({ "id": "", "sub": "ann", "email": "a@b.c", "exp": 1_900_000_000 })).unwrap();
    assert_eq!((login.user.as_str(), profile.unwrap().email.as_deref()), ("ann", Some("a@b.c")));
}

#[test]
fn long_and_false_tokens_are_refused_at_a_bounded_cost() {
    let Vectors { secret, previous_secret, valid, .. } = vectors();
    let sessions = sessions(&[&secret, &previous_secret], None);
    let header = valid["complete"].split('.').next().unwrap();
    let false_token = |length: usize| {
        let content = "A".repeat((length - header.len() - 42) / 4 * 4);
        format!("{header}..{}.{content}.{}", "A".repeat(16), "A".repeat(22))
    };
    let longest = false_token(TOKEN_BYTES_MAX);
    assert!(longest.len() <= TOKEN_BYTES_MAX && longest.len() > TOKEN_BYTES_MAX - 4);
    let denied = |cookie: &str| sessions.authenticate(&credentials(cookie)).unwrap_err().to_string();
    assert!(denied(&format!("{PLAIN}={longest}")).contains("no key"));
    assert!(denied(&format!("{PLAIN}={longest}AAAA")).contains("too long"));
    let chunked = chunks(PLAIN, &longest, 3933);
    assert_eq!(chunked.len(), 5);
    assert!(denied(&chunked.join("; ")).contains("no key"));
    let cookies = format!("{PLAIN}={}", false_token(2000));
    for _ in 0..10_000 {
        assert_eq!(user(&sessions, &cookies), None);
    }
}
