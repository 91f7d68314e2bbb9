//! Session tokens as a next-auth server encrypts them, and their cookies.

use std::fmt::Write;

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The longest value of a cookie that next-auth writes.
const CHUNK_BYTES: usize = 3933;

/// The length of a key.
struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        32
    }
}

/// Returns a token with claims, encrypted with the key that next-auth derives from a secret.
///
/// # Panics
/// If the machine has no randomness.
pub fn session_token(secret: &str, claims: &Value) -> String {
    let mut key = [0; 32];
    let secret = Salt::new(HKDF_SHA256, &[]).extract(secret.as_bytes());
    secret.expand(&[b"NextAuth.js Generated Encryption Key"], KeyBytes).unwrap().fill(&mut key).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    let mut content = claims.to_string().into_bytes();
    let key = RandomizedNonceKey::new(&AES_256_GCM, &key).unwrap();
    let (nonce, tag) = key.seal_in_place_separate_tag(Aad::from(header.as_bytes()), &mut content).unwrap();
    let [nonce, content, tag]: [&[u8]; 3] = [nonce.as_ref(), &content, tag.as_ref()];
    let parts = [nonce, content, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}..{}", parts.join("."))
}

/// Returns the header `cookie` with a token: one cookie, or several if it is long.
pub fn session_cookies(name: &str, token: &str) -> String {
    if token.len() <= CHUNK_BYTES {
        return format!("{name}={token}");
    }
    let mut cookies = String::new();
    for (number, chunk) in token.as_bytes().chunks(CHUNK_BYTES).enumerate() {
        write!(cookies, "{name}.{number}={}; ", str::from_utf8(chunk).unwrap()).unwrap();
    }
    cookies
}
