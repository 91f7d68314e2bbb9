//! Trusted certificates of outgoing TLS connections: the system's, and those in a file.

use std::path::Path;

use fred::rustls::RootCertStore;
use fred::rustls::pki_types::CertificateDer;
use fred::rustls::pki_types::pem::PemObject;

/// Returns the trusted certificates: the system's, and those in `ca_file` (PEM).
///
/// # Errors
/// A description of the problem with the file.
pub fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A slim image has no system certificates; `ca_file` is then the only source.
    roots.add_parsable_certificates(fred::rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let invalid = |reason: String| format!("{}: {reason}", file.display());
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| invalid(error.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(invalid("the file contains no certificate".to_owned()));
        }
    }
    Ok(roots)
}
