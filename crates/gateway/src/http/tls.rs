//! The certificate of the public port, read anew when its files change.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsSettings;

/// How often it is looked whether the files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate of the public port.
pub(crate) struct Certificate {
    settings: TlsSettings,
    current: Mutex<Current>,
}

struct Current {
    /// What the files had when they were last read.
    files: Files,
    config: Arc<ServerConfig>,
}

/// What is in the files: of the certificates and of the key.
type Files = (Vec<u8>, Vec<u8>);

impl Certificate {
    /// # Errors
    /// What is wrong with the files, in words.
    pub(crate) fn load(settings: &TlsSettings) -> Result<Self, String> {
        let files = read(settings)?;
        let config = Arc::new(config(settings, &files)?);
        Ok(Self { settings: settings.clone(), current: Mutex::new(Current { files, config }) })
    }

    /// Shakes hands with a client.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.lock().config);
        TlsAcceptor::from(config).accept(tcp).await
    }

    /// Looks at the files again and again, for ever. What is wrong leaves the certificate as it is.
    pub(crate) async fn keep_fresh(&self) {
        let mut unreadable = 0;
        loop {
            sleep(LOOK_EVERY).await;
            let files = read(&self.settings);
            unreadable = if files.is_ok() { 0 } else { unreadable + 1 };
            match files.map(|files| self.renew(files)) {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => tracing::info!("the certificate of the public port has been read anew"),
                Ok(Err(why)) => tracing::error!(%why, "the new certificate can't be used; the old one stays"),
                // At the first look they may be about to be replaced.
                Err(why) if unreadable == 2 => {
                    tracing::error!(%why, "the certificate can't be read; the old one stays");
                }
                Err(_) => {}
            }
        }
    }

    /// Takes what the files have if they have changed; tells whether they had. The same mistake is told once.
    fn renew(&self, files: Files) -> Result<bool, String> {
        let mut current = self.lock();
        if current.files == files {
            return Ok(false);
        }
        current.files = files;
        current.config = Arc::new(config(&self.settings, &current.files)?);
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(settings: &TlsSettings) -> Result<Files, String> {
    let read = |file: &std::path::Path| fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    Ok((read(&settings.certificate_file)?, read(&settings.key_file)?))
}

fn config(settings: &TlsSettings, (certificates, key): &Files) -> Result<ServerConfig, String> {
    let of_certificates = |why: String| format!("{}: {why}", settings.certificate_file.display());
    let of_key = |why: String| format!("{}: {why}", settings.key_file.display());
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| of_certificates(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_certificates("there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| of_key(error.to_string()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| of_key(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
