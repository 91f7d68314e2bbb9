//! Requests for the server's time over HTTP, for systems whose connections have none.

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::endpoint::ServerUrl;
use crate::error::ConnectionError;
use crate::http::server_time;
use crate::network::Network;
use crate::server_clock::ServerClock;

/// The requests of one client.
pub(crate) struct HttpTime {
    network: Network,
    url: ServerUrl,
    answers: mpsc::Sender<TimeAnswer>,
    received: mpsc::Receiver<TimeAnswer>,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct TimeAnswer {
    sent_at: Instant,
    received_at: Instant,
    server_ms: Result<f64, ConnectionError>,
}

impl HttpTime {
    pub(crate) fn new(network: Network, url: ServerUrl) -> Self {
        let (answers, received) = mpsc::channel(1);
        Self { network, url, answers, received }
    }

    /// Waits for an answer. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<TimeAnswer> {
        self.received.recv().await
    }

    /// Begins a measurement if one is due.
    pub(crate) fn sync(&self, clock: &mut ServerClock, now: Instant) {
        if clock.begin_if_due(now) {
            self.request();
        }
    }

    /// Processes an answer, and requests the time once more if the measurement is not complete.
    pub(crate) fn receive(&self, answer: TimeAnswer, clock: &mut ServerClock) {
        match answer.server_ms {
            Ok(server_ms) => {
                if clock.sample(answer.sent_at, server_ms, answer.received_at) {
                    self.request();
                }
            }
            Err(_) => clock.fail(answer.received_at),
        }
    }

    fn request(&self) {
        let (network, url, answers) = (self.network.clone(), self.url.clone(), self.answers.clone());
        tokio::spawn(async move {
            let sent_at = Instant::now();
            let server_ms = server_time(&network, &url).await;
            // The client may have gone.
            answers.send(TimeAnswer { sent_at, received_at: Instant::now(), server_ms }).await.ok();
        });
    }
}
