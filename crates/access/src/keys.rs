//! Keys that verify tokens.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Largest number of keys read from a published set; issuers have a handful.
const KEYS_MAX: usize = 100;

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// A key and the algorithms it may verify.
///
/// The token does not choose the algorithms: otherwise an attacker could use a public key as an HMAC secret.
#[derive(Clone)]
pub(crate) struct VerificationKey {
    pub(crate) id: Option<String>,
    pub(crate) decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// A public key from a file.
#[derive(Clone)]
pub struct PublicKey(VerificationKey);

impl VerificationKey {
    pub(crate) fn secret(secret: &str) -> Self {
        let algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        Self { id: None, decoding: DecodingKey::from_secret(secret.as_bytes()), algorithms }
    }

    /// Returns whether the key may verify a token with these values in its header.
    pub(crate) fn matches(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.algorithms.contains(&algorithm) && (self.id.is_none() || id.is_none() || self.id.as_deref() == id)
    }
}

impl PublicKey {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// The reason as text: the file cannot be read, or it contains no supported public key.
    pub fn read(file: &Path) -> Result<Self, String> {
        std::fs::read_to_string(file).map_err(|error| format!("it cannot be read: {error}"))?.parse()
    }

    pub(crate) fn key(&self) -> VerificationKey {
        self.0.clone()
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(pem: &str) -> Result<Self, String> {
        if pem.contains("PRIVATE KEY") {
            return Err("it contains a private key; only the public key is needed".to_owned());
        }
        let pem = pem.as_bytes();
        let rsa = || Some((DecodingKey::from_rsa_pem(pem).ok()?, RSA.to_vec()));
        let ec = || Some((DecodingKey::from_ec_pem(pem).ok()?, vec![Algorithm::ES256, Algorithm::ES384]));
        let ed = || Some((DecodingKey::from_ed_pem(pem).ok()?, vec![Algorithm::EdDSA]));
        let found = rsa().or_else(ec).or_else(ed);
        let (decoding, algorithms) = found.ok_or("it contains no public key (RSA, EC or Ed25519, PEM)")?;
        Ok(Self(VerificationKey { id: None, decoding, algorithms }))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.0.algorithms)
    }
}

/// Parses a published key set (JWKS).
///
/// It skips keys that cannot verify a token here: secrets, which must not be published, keys for encryption, and
/// unknown key types.
///
/// # Errors
/// The reason as text: the document is not a key set.
pub(crate) fn parse_key_set(json: &[u8]) -> Result<Vec<VerificationKey>, String> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<serde_json::Value>,
    }
    let set: KeySet = serde_json::from_slice(json).map_err(|error| format!("it is not a key set: {error}"))?;
    Ok(set.keys.into_iter().take(KEYS_MAX).filter_map(parse_key).collect())
}

fn parse_key(json: serde_json::Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let mut algorithms = algorithms(&jwk.algorithm);
    if let Some(only) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then(|| VerificationKey { id: jwk.common.key_id, decoding, algorithms })
}

fn algorithms(key: &AlgorithmParameters) -> Vec<Algorithm> {
    let for_curve = |curve: &EllipticCurve, known: &[(EllipticCurve, Algorithm)]| {
        known.iter().filter(|(known, _)| known == curve).map(|(_, algorithm)| *algorithm).collect()
    };
    if let AlgorithmParameters::EllipticCurve(key) = key {
        for_curve(&key.curve, &[(EllipticCurve::P256, Algorithm::ES256), (EllipticCurve::P384, Algorithm::ES384)])
    } else if let AlgorithmParameters::OctetKeyPair(key) = key {
        for_curve(&key.curve, &[(EllipticCurve::Ed25519, Algorithm::EdDSA)])
    } else if let AlgorithmParameters::RSA(_) = key {
        RSA.to_vec()
    } else {
        Vec::new()
    }
}
