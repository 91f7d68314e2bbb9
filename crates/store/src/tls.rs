//! Trust in the servers of outgoing TLS connections: the certificates of the system, and those in a file. Both are
//! read again when they change, so that an authority can be replaced while the process runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use fred::rustls::client::{Resumption, WebPkiServerVerifier};
use fred::rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use fred::rustls::pki_types::pem::PemObject;
use fred::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use fred::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use parking_lot::Mutex;

/// Age at which the certificates of the system are read again. Parsing them takes some milliseconds.
const SYSTEM_AGE_MAX: Duration = Duration::from_secs(60);

/// Returns a client configuration that trusts the certificates of the system, and those in `ca_file` (PEM). Both are
/// read again when they change; faulty new ones are reported and not used.
///
/// # Errors
/// A description of the problem with the file.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let verifier = Arc::new(Verifier::new(ca_file)?);
    let mut config =
        ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // A resumed session would not be verified against the current certificates.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Verifies servers against the current certificates, which it looks at in each handshake.
#[derive(Debug)]
struct Verifier {
    ca_file: Option<PathBuf>,
    algorithms: WebPkiSupportedAlgorithms,
    current: Mutex<Trust>,
}

#[derive(Debug)]
struct Trust {
    /// The content of the file when it was last read.
    content: Vec<u8>,
    loaded_at: Instant,
    /// Consecutive failures to read the file.
    failed_reads: u32,
    /// `None` if there is no certificate to trust.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl Verifier {
    fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let content = read(ca_file)?;
        let verifier = verifier(ca_file, &content)?;
        let trust = Trust { content, loaded_at: Instant::now(), failed_reads: 0, verifier };
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Ok(Self { ca_file: ca_file.map(Path::to_owned), algorithms, current: Mutex::new(trust) })
    }

    /// Returns the verifier for the current certificates.
    fn current(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let mut trust = self.current.lock();
        match read(self.ca_file.as_deref()) {
            Ok(content) => self.update(&mut trust, content),
            Err(error) => {
                trust.failed_reads += 1;
                // The first failure may fall into the replacement of the file.
                if trust.failed_reads == 2 {
                    tracing::error!(%error, "the trusted certificates can't be read; the last ones stay in use");
                }
            }
        }
        trust.verifier.clone()
    }

    fn update(&self, trust: &mut Trust, content: Vec<u8>) {
        trust.failed_reads = 0;
        let is_changed = trust.content != content;
        if !is_changed && trust.loaded_at.elapsed() < SYSTEM_AGE_MAX {
            return;
        }
        // A faulty file is reported once for each of its contents.
        trust.content = content;
        trust.loaded_at = Instant::now();
        match verifier(self.ca_file.as_deref(), &trust.content) {
            Ok(verifier) => {
                trust.verifier = verifier;
                if is_changed {
                    tracing::info!(file = ?self.ca_file, "the trusted certificates were read again");
                }
            }
            Err(error) if is_changed => {
                tracing::error!(%error, "the new trusted certificates can't be used; the last ones stay in use");
            }
            Err(_) => {}
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = self.current() else { return Err(CertificateError::UnknownIssuer.into()) };
        verifier.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Reads the file; empty without a file.
fn read(ca_file: Option<&Path>) -> Result<Vec<u8>, String> {
    let Some(file) = ca_file else { return Ok(Vec::new()) };
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Returns the verifier for the certificates of the system and those in the content of `ca_file`.
fn verifier(ca_file: Option<&Path>, content: &[u8]) -> Result<Option<Arc<WebPkiServerVerifier>>, String> {
    let mut roots = RootCertStore::empty();
    // A slim image has no system certificates; `ca_file` is then the only source.
    roots.add_parsable_certificates(fred::rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let invalid = |reason: String| format!("{}: {reason}", file.display());
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(content) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(invalid("the file contains no certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        return Ok(None);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map(Some).map_err(|error| error.to_string())
}
