//! Encrypted tokens in the compact form of JSON Web Encryption (RFC 7516), with a shared key (`dir`) of AES-256-GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Length of an authentication tag in bytes. The token could otherwise choose a shorter one, which is easier to guess.
const TAG_BYTES: usize = 16;

/// A key that decrypts tokens.
pub(crate) struct DecryptionKey(LessSafeKey);

/// Why a token cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JweError {
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("no key decrypts it")]
    UnknownKey,
}

impl DecryptionKey {
    /// Derives the key from a secret (HKDF, RFC 5869, with SHA-256 and no salt); `info` names its purpose.
    pub(crate) fn derive(secret: &str, info: &str) -> Self {
        let secret = Salt::new(HKDF_SHA256, &[]).extract(secret.as_bytes());
        let info = [info.as_bytes()];
        let key = secret.expand(&info, &AES_256_GCM).expect("the length of a key is permitted");
        Self(LessSafeKey::new(UnboundKey::from(key)))
    }
}

/// Returns the content of a token that one of the keys has encrypted.
pub(crate) fn decrypt(token: &str, keys: &[DecryptionKey]) -> Result<Vec<u8>, JweError> {
    let mut parts = token.split('.');
    let mut part = || parts.next().ok_or(JweError::Unsupported("it does not have five parts"));
    let (header, encrypted_key, iv, ciphertext, tag) = (part()?, part()?, part()?, part()?, part()?);
    if parts.next().is_some() {
        return Err(JweError::Unsupported("it does not have five parts"));
    }
    check_header(&decode(header)?)?;
    if !encrypted_key.is_empty() {
        return Err(JweError::Unsupported("it has a key of its own"));
    }
    let (iv, ciphertext, tag) = (decode(iv)?, decode(ciphertext)?, decode(tag)?);
    if tag.len() != TAG_BYTES {
        return Err(JweError::Unsupported("its authentication tag is not complete"));
    }
    let mut content = vec![0; ciphertext.len()];
    for DecryptionKey(key) in keys {
        let nonce = Nonce::try_assume_unique_for_key(&iv);
        let nonce = nonce.map_err(|_| JweError::Unsupported("its initialization vector does not have 96 bits"))?;
        let header = Aad::from(header.as_bytes());
        if key.open_separate_gather(nonce, header, &ciphertext, &tag, &mut content).is_ok() {
            return Ok(content);
        }
    }
    Err(JweError::UnknownKey)
}

fn decode(part: &str) -> Result<Vec<u8>, JweError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JweError::Unsupported("it is not base64url"))
}

/// Checks that a token has the only supported algorithms, and is neither compressed, since its size would be unbounded, nor
/// has extensions, which a recipient must understand.
fn check_header(header: &[u8]) -> Result<(), JweError> {
    let header: Map<String, Value> =
        serde_json::from_slice(header).map_err(|_| JweError::Unsupported("its header is not a JSON object"))?;
    let is = |name: &str, value: &str| header.get(name).and_then(Value::as_str) == Some(value);
    if !is("alg", "dir") || !is("enc", "A256GCM") {
        return Err(JweError::Unsupported("its algorithms are not dir and A256GCM"));
    }
    if header.contains_key("zip") || header.contains_key("crit") {
        return Err(JweError::Unsupported("it is compressed or has critical extensions"));
    }
    Ok(())
}
