//! Whom TLS believes: the system's certificates, and those in a file of the operator's.

use std::path::Path;

use fred::rustls::RootCertStore;
use fred::rustls::pki_types::CertificateDer;
use fred::rustls::pki_types::pem::PemObject;

/// Returns the certificates to believe: the system's, and those in `ca_file` (PEM).
///
/// # Errors
/// What is wrong with the file, in words.
pub fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A slim image has none, and then the file must do.
    roots.add_parsable_certificates(fred::rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        let wrong = |why: String| format!("{}: {why}", file.display());
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}
