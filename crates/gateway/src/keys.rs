//! Keys that tokens are checked with.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Most keys of a published set that are looked at; issuers have a handful.
const KEYS_MAX: usize = 100;

const RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// One key, and what it may be used for: the token has no say in that, or a public key could be passed off as a secret.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: Option<String>,
    pub(crate) decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// A public key from a file.
#[derive(Clone)]
pub(crate) struct PublicKey(Key);

impl Key {
    pub(crate) fn secret(secret: &str) -> Self {
        let algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        Self { id: None, decoding: DecodingKey::from_secret(secret.as_bytes()), algorithms }
    }

    /// Tells whether it may check a token that says so of itself.
    pub(crate) fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.algorithms.contains(&algorithm) && (self.id.is_none() || id.is_none() || self.id.as_deref() == id)
    }
}

impl PublicKey {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        std::fs::read_to_string(file).map_err(|error| format!("it can't be read: {error}"))?.parse()
    }

    pub(crate) fn key(&self) -> Key {
        self.0.clone()
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(pem: &str) -> Result<Self, String> {
        if pem.contains("PRIVATE KEY") {
            return Err("it has a private key; only the public one belongs here".to_owned());
        }
        let pem = pem.as_bytes();
        let rsa = || Some((DecodingKey::from_rsa_pem(pem).ok()?, RSA.to_vec()));
        let ec = || Some((DecodingKey::from_ec_pem(pem).ok()?, vec![Algorithm::ES256, Algorithm::ES384]));
        let ed = || Some((DecodingKey::from_ed_pem(pem).ok()?, vec![Algorithm::EdDSA]));
        let found = rsa().or_else(ec).or_else(ed);
        let (decoding, algorithms) = found.ok_or("it has no public key (RSA, EC or Ed25519, PEM)")?;
        Ok(Self(Key { id: None, decoding, algorithms }))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.0.algorithms)
    }
}

/// Reads a published set of keys. Those that are of no use here are left out: secrets, which have no business in a
/// public place, keys for encryption, and kinds that are not known.
///
/// # Errors
/// That it is no set of keys.
pub(crate) fn read_set(json: &[u8]) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(json).map_err(|error| format!("it is no set of keys: {error}"))?;
    Ok(set.keys.into_iter().take(KEYS_MAX).filter_map(read_key).collect())
}

fn read_key(json: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let mut algorithms = algorithms(&jwk.algorithm);
    if let Some(only) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
    }
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    (!algorithms.is_empty()).then(|| Key { id: jwk.common.key_id, decoding, algorithms })
}

fn algorithms(key: &AlgorithmParameters) -> Vec<Algorithm> {
    let of_curve = |curve: &EllipticCurve, of: &[(EllipticCurve, Algorithm)]| {
        of.iter().filter(|(known, _)| known == curve).map(|(_, algorithm)| *algorithm).collect()
    };
    if let AlgorithmParameters::EllipticCurve(key) = key {
        of_curve(&key.curve, &[(EllipticCurve::P256, Algorithm::ES256), (EllipticCurve::P384, Algorithm::ES384)])
    } else if let AlgorithmParameters::OctetKeyPair(key) = key {
        of_curve(&key.curve, &[(EllipticCurve::Ed25519, Algorithm::EdDSA)])
    } else if let AlgorithmParameters::RSA(_) = key {
        RSA.to_vec()
    } else {
        Vec::new()
    }
}
