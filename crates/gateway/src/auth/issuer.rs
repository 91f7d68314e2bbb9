//! Those who issue tokens (JSON Web Tokens, RFC 7519), and what makes one of theirs good.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, dangerous, decode, decode_header};
use serde_json::{Map, Value};
use timers::UserId;

use crate::auth::jwks::Jwks;
use crate::auth::names::Names;
use crate::auth::{Denied, Lasting, user_id};
use crate::config::{IssuerSettings, System};
use crate::keys::{Key, PublicKey};

/// Longest token in bytes; real ones are below 2 KB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Longest that a token is taken for good: instants that are later are beyond clocks.
const LASTS_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Somebody who issues tokens.
pub(super) struct Issuer {
    settings: IssuerSettings,
    keys: Vec<Key>,
    pub(super) jwks: Option<Arc<Jwks>>,
}

/// The claims of a token.
type Claims = Map<String, Value>;

impl Issuer {
    /// # Errors
    /// What is wrong with a file, in words.
    pub(super) fn new(settings: &IssuerSettings) -> Result<Self, String> {
        let secrets = settings.secrets.iter().map(|secret| Key::secret(secret.reveal()));
        Ok(Self {
            keys: secrets.chain(settings.public_keys.iter().map(PublicKey::key)).collect(),
            jwks: settings.jwks.as_ref().map(Jwks::new).transpose()?.map(Arc::new),
            settings: settings.clone(),
        })
    }

    /// Tells whether a token that says to be from `iss` may be this one's, in this system.
    pub(super) fn may_have_issued(&self, iss: Option<&str>, system: System) -> bool {
        let believed_here = self.settings.systems.is_empty() || self.settings.systems.contains(&system);
        believed_here && self.settings.issuer.as_deref().is_none_or(|issuer| iss == Some(issuer))
    }

    /// Returns the person of a token that is signed, meant for us, in force and not expired, and how long it lasts.
    pub(super) async fn verify(&self, token: &str, names: &Names) -> Result<(UserId, Lasting), Denied> {
        let header = decode_header(token).map_err(|error| not_valid(&error))?;
        if header.crit.is_some() {
            // Whoever set it insists on extensions; none is known here.
            return Err(Denied::not_believed("the token has critical extensions"));
        }
        let mut why = Denied::not_believed("no key fits the token");
        for key in self.keys_for(&header).await? {
            match decode::<Claims>(token, &key.decoding, &self.validation(header.alg)) {
                Ok(found) => {
                    let user = named(&found.claims, &self.settings.user_claims)?;
                    let user = names.qualify(self.settings.name.as_deref(), &user)?;
                    return Ok((user, self.lasting(&found.claims)));
                }
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => why = not_valid(&error),
                Err(error) => return Err(not_valid(&error)),
            }
        }
        Err(why)
    }

    async fn keys_for(&self, header: &Header) -> Result<Vec<Key>, Denied> {
        let fits = |key: &Key| key.fits(header.alg, header.kid.as_deref());
        let allowed = &self.settings.algorithms;
        if !allowed.is_empty() && !allowed.contains(&header.alg) {
            return Ok(Vec::new());
        }
        let mut keys: Vec<Key> = self.keys.iter().filter(|key| fits(key)).cloned().collect();
        let is_secret = header.alg.family() == jsonwebtoken::AlgorithmFamily::Hmac;
        if let Some(jwks) = self.jwks.as_ref().filter(|_| !is_secret) {
            match jwks.keys(fits).await {
                Ok(published) => keys.extend(published),
                Err(_) if keys.is_empty() => return Err(Denied::Unavailable("there are no keys yet".to_owned())),
                Err(_) => {}
            }
        }
        Ok(keys)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.settings.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        validation.validate_aud = !self.settings.audience.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.settings.audience);
            required.push("aud");
        }
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// A token is good for as long as it would be let in with.
    fn lasting(&self, claims: &Claims) -> Lasting {
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default().max(0.0);
        let since_1970 = Duration::try_from_secs_f64(expires).unwrap_or(Duration::MAX);
        let now = SystemTime::now();
        let latest = now + LASTS_MAX;
        let expires = SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(latest);
        Lasting::Until(expires.checked_add(self.settings.leeway).unwrap_or(latest).min(latest))
    }
}

/// Checks a token against all who may have issued it.
pub(super) async fn verify(
    issuers: &[Issuer],
    names: &Names,
    token: &str,
    system: System,
) -> Result<(UserId, Lasting), Denied> {
    let claims = read(token)?;
    let iss = claims.get("iss").and_then(Value::as_str);
    let mut why = Denied::not_believed("nobody that is believed has issued the token");
    for issuer in issuers.iter().filter(|issuer| issuer.may_have_issued(iss, system)) {
        match issuer.verify(token, names).await {
            Ok(found) => return Ok(found),
            Err(denied) => why = denied,
        }
    }
    Err(why)
}

/// Returns the person of a token that nobody checks.
pub(super) fn read_unverified(token: &str) -> Result<UserId, Denied> {
    let claims = read(token)?;
    user_id(&named(&claims, &["sub".to_owned(), "id".to_owned()])?)
}

fn read(token: &str) -> Result<Claims, Denied> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Denied::not_believed("the token is too long"));
    }
    dangerous::insecure_decode_claims(token).map_err(|error| not_valid(&error))
}

/// Returns the first of the claims that is there, a text or a number. A claim within another is written with dots,
/// `user.id`; one whose name has dots is found by its whole name first.
fn named(claims: &Claims, names: &[String]) -> Result<String, Denied> {
    let found = names.iter().find_map(|name| {
        let nested = || {
            name.split('.').try_fold(None, |at: Option<&Value>, part| match at {
                None => claims.get(part).map(Some),
                Some(at) => at.get(part).map(Some),
            })
        };
        claims.get(name).or_else(|| nested().flatten())
    });
    match found {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) | None => Err(Denied::not_believed("the token names nobody")),
    }
}

fn not_valid(error: &jsonwebtoken::errors::Error) -> Denied {
    Denied::not_believed(format!("the token is not valid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::KeyPair;
    use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
    use aws_lc_rs::{rsa, signature};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, encode, get_current_timestamp};
    use serde_json::json;

    use crate::config::Secret;

    const SECRET: &str = "a secret of sixteen bytes";

    /// A key of some kind: what signs with it, what checks it, and the algorithms it is for.
    struct Signer {
        signing: EncodingKey,
        public_pem: String,
        algorithms: &'static [Algorithm],
    }

    fn pem(what: &str, der: &[u8]) -> String {
        format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", STANDARD.encode(der))
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
        let mut settings = IssuerSettings::with_secrets(vec![Secret::new(SECRET.to_owned())]);
        change(&mut settings);
        settings
    }

    fn issuers(settings: &[IssuerSettings]) -> Vec<Issuer> {
        settings.iter().map(|settings| Issuer::new(settings).unwrap()).collect()
    }

    fn signed(claims: &Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn names(issuers: &[Issuer]) -> Names {
        Names::of(issuers.iter().filter_map(|issuer| issuer.settings.name.clone()))
    }

    async fn user(issuers: &[Issuer], token: &str) -> Result<String, Denied> {
        verify(issuers, &names(issuers), token, System::Clockit).await.map(|(user, _)| user.to_string())
    }

    fn good() -> Value {
        json!({"sub": "ann", "exp": get_current_timestamp() + 60})
    }

    #[tokio::test]
    async fn every_algorithm_is_believed_with_its_own_key_and_with_no_other() {
        let signers = signers();
        let all = issuers(&[settings(|issuer| {
            issuer.public_keys = signers.iter().map(|key| key.public_pem.parse().unwrap()).collect();
        })]);
        for (nth, signer) in signers.iter().enumerate() {
            let others = issuers(&[settings(|issuer| {
                let others = signers.iter().enumerate().filter(|(other, _)| *other != nth);
                issuer.public_keys = others.map(|(_, key)| key.public_pem.parse().unwrap()).collect();
            })]);
            for algorithm in signer.algorithms {
                let token = encode(&Header::new(*algorithm), &good(), &signer.signing).unwrap();
                assert_eq!(user(&all, &token).await.as_deref(), Ok("ann"), "{algorithm:?}");
                assert!(user(&others, &token).await.is_err(), "{algorithm:?}");
            }
        }
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = encode(&Header::new(algorithm), &good(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
            assert_eq!(user(&all, &token).await.as_deref(), Ok("ann"), "{algorithm:?}");
        }
    }

    #[tokio::test]
    async fn a_public_key_can_t_be_passed_off_as_a_secret() {
        for signer in signers() {
            let believes = issuers(&[settings(|issuer| issuer.public_keys = vec![signer.public_pem.parse().unwrap()])]);
            let der = STANDARD.decode(signer.public_pem.lines().nth(1).unwrap()).unwrap();
            for secret in [signer.public_pem.as_bytes(), signer.public_pem.trim().as_bytes(), &der] {
                let token = encode(&Header::default(), &good(), &EncodingKey::from_secret(secret)).unwrap();
                assert!(user(&believes, &token).await.is_err());
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_signed_or_not_meant_to_be_understood_is_refused() {
        let believes = issuers(&[settings(|_| {})]);
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let token = signed(&good());
        let (signed_part, signature) = token.rsplit_once('.').unwrap();
        for refused in [
            &format!("{}.{}.", part(&json!({"alg": "none"})), part(&good())),
            &format!("{}.{}.{signature}", part(&json!({"alg": "none", "typ": "JWT"})), part(&good())),
            &format!("{signed_part}."),
            signed_part,
            &format!("{signed_part}.{}", URL_SAFE_NO_PAD.encode("x")),
            &format!("{token}.x"),
            "",
            "...",
            "..",
            &format!("{token}{}", "x".repeat(TOKEN_BYTES_MAX)),
        ] {
            assert!(user(&believes, refused).await.is_err(), "{refused}");
        }
        let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::default() };
        let critical = encode(&critical, &good(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        assert_eq!(user(&believes, &critical).await, Err(Denied::not_believed("the token has critical extensions")));
        let only = issuers(&[settings(|issuer| issuer.algorithms = vec![Algorithm::HS512])]);
        assert!(user(&only, &token).await.is_err(), "another algorithm is asked for");
    }

    #[tokio::test]
    async fn a_token_must_be_in_force_from_the_issuer_and_for_us() {
        let now = get_current_timestamp();
        let believes = issuers(&[settings(|issuer| {
            issuer.issuer = Some("https://id.example".to_owned());
            issuer.audience = vec!["tickcast".to_owned(), "timers".to_owned()];
            issuer.leeway = Duration::from_secs(10);
        })]);
        let with = |change: Value| {
            let mut claims = json!({"sub": "a", "exp": now + 60, "iss": "https://id.example", "aud": "tickcast"});
            let claims_of = claims.as_object_mut().unwrap();
            for (name, value) in change.as_object().unwrap() {
                if value.is_null() {
                    claims_of.remove(name);
                } else {
                    claims_of.insert(name.clone(), value.clone());
                }
            }
            signed(&claims)
        };
        for good in [
            json!({}),
            json!({"aud": ["x", "timers"]}),
            json!({"exp": now - 5}),
            json!({"nbf": now + 5}),
            json!({"exp": 9e15}),
        ] {
            assert_eq!(user(&believes, &with(good.clone())).await.as_deref(), Ok("a"), "{good}");
        }
        for bad in [
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
        ] {
            assert!(user(&believes, &with(bad.clone())).await.is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn the_user_is_looked_for_where_the_settings_say() {
        let exp = get_current_timestamp() + 60;
        for (names, claims, found) in [
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
            let believes = issuers(&[settings(|issuer| issuer.user_claims = names)]);
            let mut claims = claims;
            claims["exp"] = json!(exp);
            assert_eq!(user(&believes, &signed(&claims)).await.ok().as_deref(), found, "{claims}");
        }
    }

    #[tokio::test]
    async fn two_issuers_users_of_one_id_are_two_people() {
        let of = |name: Option<&str>, iss: &str, systems: Vec<System>| {
            settings(|issuer| {
                issuer.name = name.map(str::to_owned);
                issuer.issuer = Some(iss.to_owned());
                issuer.systems = systems;
            })
        };
        let both = issuers(&[of(None, "main", vec![]), of(Some("acme"), "acme.org", vec![System::Rooms])]);
        let token =
            |iss: &str, sub: &str| signed(&json!({"sub": sub, "iss": iss, "exp": get_current_timestamp() + 60}));
        let names = names(&both);
        let find = async |iss, sub, system| {
            verify(&both, &names, &token(iss, sub), system).await.map(|(user, _)| user.to_string())
        };
        assert_eq!(find("main", "42", System::Rooms).await.as_deref(), Ok("42"));
        assert_eq!(find("acme.org", "42", System::Rooms).await.as_deref(), Ok("acme:42"));
        assert!(find("acme.org", "42", System::Clockit).await.is_err(), "it is not believed there");
        assert!(find("main", "acme:42", System::Rooms).await.is_err(), "nobody becomes another issuer's user");
        assert_eq!(find("main", "else:42", System::Rooms).await.as_deref(), Ok("else:42"));
        assert!(find("nobody", "42", System::Rooms).await.is_err());
    }

    #[test]
    fn a_file_must_have_a_public_key() {
        let (signer, private) = (signers().remove(1), pem("PRIVATE KEY", b"x"));
        assert!(signer.public_pem.parse::<PublicKey>().is_ok());
        for (text, why) in [("", "no public key"), ("nonsense", "no public key"), (&private, "private key")] {
            assert!(text.parse::<PublicKey>().unwrap_err().contains(why), "{text}");
        }
    }
}
