//! Certificates for tests.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority and a server certificate for loopback, in files.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Generates the certificates.
    ///
    /// # Panics
    /// If they can't be written.
    pub fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write("ca.pem", authority.self_signed(&authority_key).unwrap().pem());
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
        Self { folder }
    }

    /// Returns the file of the server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// Returns the file of its private key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// Overwrites these certificates with others, as in a rotation.
    ///
    /// # Panics
    /// If they can't be written.
    pub fn replace_with(&self, others: &Self) {
        for name in ["ca.pem", "server.pem", "server.key"] {
            std::fs::copy(others.folder.path().join(name), self.folder.path().join(name)).unwrap();
        }
    }

    /// Returns the file of the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns an acceptor of TLS connections with this certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let chain = vec![CertificateDer::from_pem_file(self.certificate()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.key()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Returns the Redis options for TLS on a second port.
    pub fn redis_options(&self, port: u16) -> Vec<String> {
        let file = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let port = port.to_string();
        let pairs = [
            ("--tls-port", port.as_str()),
            ("--tls-auth-clients", "no"),
            ("--tls-cert-file", &file("server.pem")),
            ("--tls-key-file", &file("server.key")),
            ("--tls-ca-cert-file", &file("ca.pem")),
        ];
        pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect()
    }
}
