//! The server's TLS certificate, reloaded when its files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often the files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The files of a certificate, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// The server's TLS certificate.
pub struct TlsCertificate {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    /// The contents of the files when they were last read.
    contents: FileContents,
    config: Arc<ServerConfig>,
}

/// The bytes of the certificate file and of the key file.
type FileContents = (Vec<u8>, Vec<u8>);

impl TlsCertificate {
    /// Loads a certificate and its key.
    ///
    /// # Errors
    /// A message that names the file and its fault.
    pub fn load(files: &TlsFiles) -> Result<Self, String> {
        let contents = read(files)?;
        let config = Arc::new(server_config(files, &contents)?);
        Ok(Self { files: files.clone(), current: Mutex::new(Current { contents, config }) })
    }

    /// Performs the TLS handshake with a client.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.current.lock().config);
        TlsAcceptor::from(config).accept(tcp).await
    }

    /// Reloads the certificate whenever its files change; never returns. If the new files are faulty, the current
    /// certificate stays in use.
    pub async fn reload_on_change(&self) {
        let mut failed_reads = 0;
        loop {
            sleep(CHECK_EVERY).await;
            let contents = read(&self.files);
            failed_reads = if contents.is_ok() { 0 } else { failed_reads + 1 };
            match contents.map(|contents| self.update(contents)) {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => tracing::info!("the TLS certificate was reloaded"),
                Ok(Err(error)) => {
                    tracing::error!(%error, "the new certificate can't be used; the current one stays in use");
                }
                // The first failure may fall into the replacement of the files.
                Err(error) if failed_reads == 2 => {
                    tracing::error!(%error, "the certificate can't be read; the current one stays in use");
                }
                Err(_) => {}
            }
        }
    }

    /// Uses the contents of the files if they have changed; returns whether they had. The same fault is reported once.
    fn update(&self, contents: FileContents) -> Result<bool, String> {
        let mut current = self.current.lock();
        if current.contents == contents {
            return Ok(false);
        }
        current.contents = contents;
        current.config = Arc::new(server_config(&self.files, &current.contents)?);
        Ok(true)
    }
}

fn read(files: &TlsFiles) -> Result<FileContents, String> {
    let read = |file: &Path| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    Ok((read(&files.certificate_file)?, read(&files.key_file)?))
}

fn server_config(files: &TlsFiles, (certificates, key): &FileContents) -> Result<ServerConfig, String> {
    let in_certificate_file = |fault: String| format!("{}: {fault}", files.certificate_file.display());
    let in_key_file = |fault: String| format!("{}: {fault}", files.key_file.display());
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| in_certificate_file(error.to_string()))?;
    if chain.is_empty() {
        return Err(in_certificate_file("the file contains no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key);
    let key = key.map_err(|error| in_key_file(format!("the file contains no private key (PEM): {error}")))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            return in_key_file("the key does not match the certificate".to_owned());
        }
        // A key cannot be compared with an unreadable certificate.
        let is_of_certificate = matches!(error, rustls::Error::InvalidCertificate(_));
        if is_of_certificate { in_certificate_file(error.to_string()) } else { in_key_file(error.to_string()) }
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
