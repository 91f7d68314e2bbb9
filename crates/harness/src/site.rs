//! A web site of one page, which can change and be away.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::port;

/// A web site of one page, gone with its handle.
pub struct Site {
    port: u16,
    page: Arc<Mutex<Page>>,
    _task: AbortOnDropHandle<()>,
}

struct Page {
    status: u16,
    body: String,
    asked: usize,
}

impl Site {
    /// Begins to serve a page.
    ///
    /// # Panics
    /// If it cannot listen, or outside of a runtime.
    pub fn start(body: &str) -> Self {
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let page = Arc::new(Mutex::new(Page { status: 200, body: body.to_owned(), asked: 0 }));
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::clone(&page))));
        Self { port, page, _task: task }
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    /// Has it answer something else from now on.
    pub fn answer(&self, status: u16, body: &str) {
        let mut page = self.page.lock().unwrap();
        (page.status, page.body) = (status, body.to_owned());
    }

    /// Returns how often it was asked.
    pub fn asked(&self) -> usize {
        self.page.lock().unwrap().asked
    }
}

async fn serve(listener: TcpListener, page: Arc<Mutex<Page>>) {
    loop {
        if let Ok((client, _)) = listener.accept().await {
            // Whoever leaves before the answer harms nobody.
            answer(client, &page).await.ok();
        }
    }
}

async fn answer(mut client: TcpStream, page: &Mutex<Page>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let answer = {
        let mut page = page.lock().unwrap();
        page.asked += 1;
        let Page { status, body, .. } = &*page;
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
