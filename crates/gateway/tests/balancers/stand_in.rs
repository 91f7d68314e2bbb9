//! A stand-in for a node, with a fixed answer, that records requests.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::balancers::balancer::Place;

/// Answers requests without a body, until it is dropped.
pub(crate) struct StandIn {
    pub(crate) place: Place,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl StandIn {
    /// Starts a stand-in with a fixed status and body; it is always ready.
    pub(crate) async fn start(status: &'static str, body: &'static str) -> Self {
        let (public, internal) = (listen().await, listen().await);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let place = Place { public: port(&public), internal: port(&internal) };
        let heads = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(public, status, body, Arc::clone(&heads)));
        tasks.spawn(serve(internal, "200 OK", "", Arc::default()));
        Self { place, heads, _tasks: tasks }
    }

    /// Returns the heads of the requests received for a path.
    pub(crate) fn requests_for(&self, path: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let wanted = format!("GET {path}");
        heads.iter().filter(|head| head.starts_with(&wanted)).cloned().collect()
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn serve(listener: TcpListener, status: &'static str, body: &'static str, heads: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        connections.spawn(answer(tcp, status, body, Arc::clone(&heads)));
    }
}

async fn answer(mut tcp: TcpStream, status: &'static str, body: &'static str, heads: Arc<Mutex<Vec<String>>>) {
    let (read, mut write) = tcp.split();
    let mut read = BufReader::new(read);
    let answer = format!("HTTP/1.1 {status}\r\nretry-after: 2\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !read.read_line(&mut head).await.is_ok_and(|length| length > 0) {
                return;
            }
        }
        heads.lock().unwrap().push(head);
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
