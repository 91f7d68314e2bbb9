//! An HTTP server with one page, whose response can change.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::{Certificates, port};

/// An HTTP server with one page; stops when dropped.
pub struct Site {
    scheme: &'static str,
    port: u16,
    page: Arc<Mutex<Page>>,
    _task: AbortOnDropHandle<()>,
}

struct Page {
    status: u16,
    body: String,
    requests: usize,
}

impl Site {
    /// Starts to serve a page.
    ///
    /// # Panics
    /// If it cannot listen, or outside of a runtime.
    pub fn start(body: &str) -> Self {
        Self::start_at("http", body, None)
    }

    /// Starts to serve a page over TLS.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_over_tls(body: &str, certificates: &Certificates) -> Self {
        Self::start_at("https", body, Some(certificates.acceptor()))
    }

    fn start_at(scheme: &'static str, body: &str, tls: Option<TlsAcceptor>) -> Self {
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let page = Arc::new(Mutex::new(Page { status: 200, body: body.to_owned(), requests: 0 }));
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, tls, Arc::clone(&page))));
        Self { scheme, port, page, _task: task }
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}/keys", self.scheme, self.port)
    }

    /// Replaces the response.
    pub fn answer(&self, status: u16, body: &str) {
        let mut page = self.page.lock().unwrap();
        (page.status, page.body) = (status, body.to_owned());
    }

    /// Returns the number of requests.
    pub fn asked(&self) -> usize {
        self.page.lock().unwrap().requests
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, page: Arc<Mutex<Page>>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        // The client may disconnect before the response.
        match &tls {
            None => drop(answer(client, &page).await),
            Some(tls) => {
                if let Ok(client) = tls.accept(client).await {
                    answer(client, &page).await.ok();
                }
            }
        }
    }
}

async fn answer(mut client: impl AsyncRead + AsyncWrite + Unpin, page: &Mutex<Page>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let answer = {
        let mut page = page.lock().unwrap();
        page.requests += 1;
        let Page { status, body, .. } = &*page;
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
