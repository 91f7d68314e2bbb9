//! Tests of the verification of tokens.

use super::*;

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use aws_lc_rs::{rsa, signature};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, encode, get_current_timestamp};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;

use crate::secret::Secret;

const SECRET: &str = "a secret of sixteen bytes";

/// A key pair and the algorithms that it can sign with.
struct Signer {
    signing: EncodingKey,
    public_pem: String,
    algorithms: &'static [Algorithm],
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn signers() -> Vec<Signer> {
    let rsa = rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_private: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    let rsa_public: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
    let rsa_signing = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", rsa_private.as_ref()).as_bytes()).unwrap();
    let mut signers =
        vec![Signer { signing: rsa_signing, public_pem: pem("PUBLIC KEY", rsa_public.as_ref()), algorithms: &RSA }];
    for (kind, algorithms) in [
        (&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &[Algorithm::ES256][..]),
        (&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &[Algorithm::ES384]),
    ] {
        let pair = EcdsaKeyPair::generate(kind).unwrap();
        let private = pair.to_pkcs8v1().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        signers.push(Signer {
            signing: EncodingKey::from_ec_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap(),
            public_pem: pem("PUBLIC KEY", public.as_ref()),
            algorithms,
        });
    }
    let ed = Ed25519KeyPair::generate().unwrap();
    let private = ed.to_pkcs8v1().unwrap();
    let public: PublicKeyX509Der<'_> = ed.public_key().as_der().unwrap();
    signers.push(Signer {
        signing: EncodingKey::from_ed_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap(),
        public_pem: pem("PUBLIC KEY", public.as_ref()),
        algorithms: &[Algorithm::EdDSA],
    });
    signers
}

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

fn settings(change: impl FnOnce(&mut IssuerSettings)) -> IssuerSettings {
    let mut settings = IssuerSettings { secrets: vec![Secret::new(SECRET.to_owned())], ..IssuerSettings::default() };
    change(&mut settings);
    settings
}

fn issuers(settings: &[IssuerSettings]) -> Vec<Issuer> {
    let tls = || ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    settings.iter().map(|settings| Issuer::new(settings, &|_| Ok(tls())).unwrap()).collect()
}

fn signed(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn namespaces(issuers: &[Issuer]) -> Namespaces {
    Namespaces::of(issuers.iter().filter_map(|issuer| issuer.settings.namespace.clone()))
}

async fn user(issuers: &[Issuer], token: &str) -> Result<String, Denied> {
    user_in("clockit", issuers, token).await
}

async fn user_in(system: &str, issuers: &[Issuer], token: &str) -> Result<String, Denied> {
    verify(issuers, &namespaces(issuers), token, system).await.map(|identity| identity.user.to_string())
}

fn claims() -> Value {
    json!({"sub": "ann", "exp": get_current_timestamp() + 60})
}

#[tokio::test]
async fn every_algorithm_verifies_with_its_own_key_and_with_no_other() {
    let signers = signers();
    let all = issuers(&[settings(|issuer| {
        issuer.public_keys = signers.iter().map(|key| key.public_pem.parse().unwrap()).collect();
    })]);
    for (index, signer) in signers.iter().enumerate() {
        let others = issuers(&[settings(|issuer| {
            let others = signers.iter().enumerate().filter(|(other, _)| *other != index);
            issuer.public_keys = others.map(|(_, key)| key.public_pem.parse().unwrap()).collect();
        })]);
        for algorithm in signer.algorithms {
            let token = encode(&Header::new(*algorithm), &claims(), &signer.signing).unwrap();
            assert_eq!(user(&all, &token).await.as_deref(), Ok("ann"), "{algorithm:?}");
            assert!(user(&others, &token).await.is_err(), "{algorithm:?}");
        }
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&Header::new(algorithm), &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        assert_eq!(user(&all, &token).await.as_deref(), Ok("ann"), "{algorithm:?}");
    }
}

#[tokio::test]
async fn the_name_and_the_address_of_a_token_are_the_profile_of_its_user() {
    let accepting = issuers(&[settings(|_| {})]);
    let profile = async |claims: Value| {
        let verified = verify(&accepting, &namespaces(&accepting), &signed(&claims), "clockit").await.unwrap();
        let unverified = unverified_identity(&signed(&claims), &namespaces(&accepting)).unwrap();
        assert_eq!(verified.profile, unverified.profile);
        verified.profile.map(|profile| *profile)
    };
    assert_eq!(profile(claims()).await, None);
    let mut named = claims();
    named["name"] = json!("Ann");
    assert_eq!(profile(named.clone()).await, Some(Profile { name: Some("Ann".to_owned()), email: None }));
    named["email"] = json!("ann@example.org");
    let (name, email) = (Some("Ann".to_owned()), Some("ann@example.org".to_owned()));
    assert_eq!(profile(named).await, Some(Profile { name, email }));
}

#[tokio::test]
async fn a_public_key_is_never_used_as_an_hmac_secret() {
    for signer in signers() {
        let accepting = issuers(&[settings(|issuer| issuer.public_keys = vec![signer.public_pem.parse().unwrap()])]);
        let der = STANDARD.decode(signer.public_pem.lines().nth(1).unwrap()).unwrap();
        for secret in [signer.public_pem.as_bytes(), signer.public_pem.trim().as_bytes(), &der] {
            let token = encode(&Header::default(), &claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert!(user(&accepting, &token).await.is_err());
        }
    }
}

#[tokio::test]
async fn an_unsigned_malformed_or_critical_token_is_rejected() {
    let accepting = issuers(&[settings(|_| {})]);
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let token = signed(&claims());
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    for rejected in [
        &format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims())),
        &format!("{}.{}.{signature}", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims())),
        &format!("{signed_part}."),
        signed_part,
        &format!("{signed_part}.{}", URL_SAFE_NO_PAD.encode("x")),
        &format!("{token}.x"),
        "",
        "...",
        "..",
        &format!("{token}{}", "x".repeat(TOKEN_BYTES_MAX)),
    ] {
        assert!(user(&accepting, rejected).await.is_err(), "{rejected}");
    }
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::default() };
    let critical = encode(&critical, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(user(&accepting, &critical).await, Err(Denied::rejected("the token has critical extensions")));
    let only = issuers(&[settings(|issuer| issuer.algorithms = vec![Algorithm::HS512])]);
    assert!(user(&only, &token).await.is_err(), "the settings require another algorithm");
}

#[tokio::test]
async fn a_token_must_match_the_required_issuer_audience_and_time() {
    let now = get_current_timestamp();
    let accepting = issuers(&[settings(|issuer| {
        issuer.issuer = Some("https://id.example".to_owned());
        issuer.audience = vec!["tickcast".to_owned(), "timers".to_owned()];
        issuer.leeway = Duration::from_secs(10);
    })]);
    let with = |change: Value| {
        let mut claims = json!({"sub": "a", "exp": now + 60, "iss": "https://id.example", "aud": "tickcast"});
        let fields = claims.as_object_mut().unwrap();
        for (name, value) in change.as_object().unwrap() {
            if value.is_null() {
                fields.remove(name);
            } else {
                fields.insert(name.clone(), value.clone());
            }
        }
        signed(&claims)
    };
    for valid in [
        json!({}),
        json!({"aud": ["x", "timers"]}),
        json!({"exp": now - 5}),
        json!({"nbf": now + 5}),
        json!({"exp": 9e15}),
    ] {
        assert_eq!(user(&accepting, &with(valid.clone())).await.as_deref(), Ok("a"), "{valid}");
    }
    for invalid in [
        json!({"exp": null}),
        json!({"exp": now - 20}),
        json!({"exp": "soon"}),
        json!({"nbf": now + 20}),
        json!({"iss": null}),
        json!({"iss": "https://id.example.evil"}),
        json!({"iss": 7}),
        json!({"aud": null}),
        json!({"aud": "others"}),
        json!({"aud": []}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": {"a": 1}}),
        json!({"sub": true}),
        json!({"sub": "a\nb"}),
        json!({"sub": "guest_0123456789abcdef"}),
    ] {
        assert!(user(&accepting, &with(invalid.clone())).await.is_err(), "{invalid}");
    }
}

#[tokio::test]
async fn the_user_id_is_read_from_the_configured_claims() {
    let exp = get_current_timestamp() + 60;
    for (names, claims, expected) in [
        (&["sub", "id"][..], json!({"id": 42}), Some("42")),
        (&["sub", "id"], json!({"sub": "a", "id": 42}), Some("a")),
        (&["user.id"], json!({"user": {"id": "b"}}), Some("b")),
        (&["user.id"], json!({"user.id": "c", "user": {"id": "b"}}), Some("c")),
        (&["https://x.org/id"], json!({"https://x.org/id": "d"}), Some("d")),
        (&["user.id"], json!({"user": 7}), None),
        (&["user"], json!({"user": {"id": "b"}}), None),
        (&["email"], json!({"sub": "a"}), None),
    ] {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let accepting = issuers(&[settings(|issuer| issuer.user_claims = names)]);
        let mut claims = claims;
        claims["exp"] = json!(exp);
        assert_eq!(user(&accepting, &signed(&claims)).await.ok().as_deref(), expected, "{claims}");
    }
}

#[tokio::test]
async fn equal_user_ids_of_two_issuers_are_two_users() {
    let issuer_of = |namespace: Option<&str>, iss: &str, systems: Vec<String>| {
        settings(|issuer| {
            issuer.namespace = namespace.map(str::to_owned);
            issuer.issuer = Some(iss.to_owned());
            issuer.systems = systems;
        })
    };
    let both =
        issuers(&[issuer_of(None, "main", vec![]), issuer_of(Some("acme"), "acme.org", vec!["rooms".to_owned()])]);
    let token = |iss: &str, sub: &str| signed(&json!({"sub": sub, "iss": iss, "exp": get_current_timestamp() + 60}));
    let find = async |iss, sub, system| user_in(system, &both, &token(iss, sub)).await;
    assert_eq!(find("main", "42", "rooms").await.as_deref(), Ok("42"));
    assert_eq!(find("acme.org", "42", "rooms").await.as_deref(), Ok("acme:42"));
    assert!(find("acme.org", "42", "clockit").await.is_err(), "this system does not accept the issuer");
    assert!(find("main", "acme:42", "rooms").await.is_err(), "an issuer cannot name a user of another issuer");
    assert_eq!(find("main", "else:42", "rooms").await.as_deref(), Ok("else:42"));
    assert!(find("nobody", "42", "rooms").await.is_err());
}

#[tokio::test]
async fn the_organization_comes_from_the_first_configured_claim_that_has_an_id() {
    let issuer = |namespace: Option<&str>, claims: &[&str]| {
        settings(|issuer| {
            issuer.namespace = namespace.map(str::to_owned);
            issuer.organization_claims = claims.iter().map(|claim| (*claim).to_owned()).collect();
        })
    };
    let organization = async |issuer: IssuerSettings, claims: Value| {
        let mut all = claims;
        all["sub"] = json!("ann");
        all["exp"] = json!(get_current_timestamp() + 60);
        let issuers = issuers(&[issuer]);
        let identity = verify(&issuers, &namespaces(&issuers), &signed(&all), "rooms").await?;
        Ok::<_, Denied>(identity.organization.map(|organization| organization.to_string()))
    };
    let is = |organization: &str| Ok(Some(organization.to_owned()));
    let listed = ["org", "app.org"];
    for (claims, expected) in [
        (json!({"org": 7}), is("7")),
        (json!({"org": "7", "app": {"org": "8"}}), is("7")),
        (json!({"app": {"org": "8"}}), is("8")),
        (json!({"org": null, "app": {"org": "8"}}), is("8")),
        (json!({"org": "", "app": {"org": [8]}}), Ok(None)),
        (json!({"org": true}), Ok(None)),
        (json!({"organizationId": 7}), Ok(None)),
        (json!({}), Ok(None)),
    ] {
        assert_eq!(organization(issuer(None, &listed), claims.clone()).await, expected, "{claims}");
    }
    assert_eq!(organization(issuer(Some("acme"), &listed), json!({"org": 7})).await, is("acme:7"));
    assert_eq!(organization(issuer(None, &[]), json!({"org": 7, "organizationId": 7})).await, Ok(None));
    assert_eq!(organization(settings(|_| {}), json!({"organizationId": 7})).await, is("7"));
    assert!(organization(issuer(None, &listed), json!({"org": "a\nb"})).await.is_err());
}

#[test]
fn a_connection_is_valid_until_the_earlier_of_expiry_and_maximum_age() {
    let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
    let now = SystemTime::now();
    let claims = |expires_in: Duration| {
        let exp = (now + expires_in).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        Claims::from_iter([("exp".to_owned(), json!(exp))])
    };
    for (expiry, max_age, expires_in, expected) in [
        (ExpiryPolicy::Enforce, None, minute, Some(minute)),
        (ExpiryPolicy::Enforce, Some(hour), minute, Some(minute)),
        (ExpiryPolicy::Enforce, Some(minute), hour, Some(minute)),
        (ExpiryPolicy::Enforce, None, VALIDITY_MAX * 2, Some(VALIDITY_MAX)),
        (ExpiryPolicy::AtConnect, None, minute, None),
        (ExpiryPolicy::AtConnect, Some(hour), minute, Some(hour)),
        (ExpiryPolicy::AtConnect, Some(Duration::MAX), minute, Some(VALIDITY_MAX)),
    ] {
        let issuer = issuers(&[settings(|issuer| {
            issuer.leeway = Duration::ZERO;
            issuer.expiry = expiry;
            issuer.max_connection_age = max_age;
        })]);
        let remaining = match issuer[0].validity(&claims(expires_in)) {
            Validity::Until(at) => Some(at.duration_since(now).unwrap()),
            Validity::Unlimited | Validity::Session(_) => None,
        };
        // The age is shortened at random, and the clock goes on.
        let is_near = |expected: Duration| {
            let range = expected.mul_f64(1.0 - AGE_JITTER) - Duration::from_secs(1)..expected + minute / 2;
            remaining.is_some_and(|remaining| range.contains(&remaining))
        };
        assert!(expected.map_or(remaining.is_none(), is_near), "{expiry}, {max_age:?}: {remaining:?}");
    }
}

#[test]
fn a_file_must_contain_a_public_key() {
    let (signer, private) = (signers().remove(1), pem("PRIVATE KEY", b"x"));
    assert!(signer.public_pem.parse::<PublicKey>().is_ok());
    for (text, reason) in [("", "no public key"), ("nonsense", "no public key"), (&private, "private key")] {
        assert!(text.parse::<PublicKey>().unwrap_err().contains(reason), "{text}");
    }
}
