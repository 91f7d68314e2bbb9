//! How sessions end.

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{FocusPage, LOOK_PAUSE};
use crate::focus::Refusal;
use crate::focus::log::{EndRequest, Exchange};
use crate::focus::requests::ANSWER_TIMEOUT;

impl FocusPage {
    /// Ends the session: over the socket, over HTTP, both at once at two nodes, or over HTTP after the socket was dropped.
    pub(super) async fn end(&mut self) {
        let Some((session, _)) = self.tracked() else { return };
        self.set_pending(Some("end"));
        // From now on no device begins to track it.
        self.state.lock().current = None;
        let ending = self.random.u64(0..10);
        match ending {
            0..5 => {
                if !self.stop(session).await {
                    // The outcome is unknown; a second end returns the first result.
                    self.end_over_http(session, self.node).await;
                }
            }
            5..7 => self.end_over_http(session, self.node).await,
            7..9 => {
                self.send_stop(session);
                self.end_over_http(session, (self.node + 1) % self.context.nodes.len()).await;
            }
            _ => {
                self.drop_socket().await;
                self.pause(300..1500).await;
                self.end_over_http(session, self.node).await;
            }
        }
        self.set_pending(Some("stopped"));
        let by = self.now() + ANSWER_TIMEOUT;
        while self.tracked().is_some() && !self.link_is_lost() {
            if self.now() > by {
                let (at, reason) = (self.now(), format!("session {session} has ended, which the socket is not told"));
                self.state.lock().refusals.push(Refusal { at, node: self.node_of_socket(), reason });
                return self.drop_socket().await;
            }
            sleep(LOOK_PAUSE).await; // tidy: allow: the reader of the socket knows when it is told
        }
        if (7..9).contains(&ending) {
            // The answer to `stop` may come after `stopped`, and would be taken for that of the next message.
            self.drop_socket().await;
        }
    }

    /// Ends the session over the socket; tells whether it was answered.
    async fn stop(&mut self, session: usize) -> bool {
        let Some(nth) = self.send_stop(session) else { return false };
        let Some(link) = &mut self.link else { return false };
        let stopped = timeout(ANSWER_TIMEOUT, async {
            while let Some(received) = link.inbox.recv().await {
                match received["type"].as_str() {
                    Some("stopped") => return true,
                    Some("error") => return false,
                    Some(_) | None => {}
                }
            }
            false
        });
        let is_stopped = stopped.await.unwrap_or(false);
        if is_stopped {
            self.state.lock().sessions[session].ends[nth].exchange.answered = Some(self.now());
        }
        is_stopped
    }

    /// Sends `stop`; returns its place in the log, or `None` if no socket tracks the session.
    fn send_stop(&mut self, session: usize) -> Option<usize> {
        let (_, socket) = self.tracked()?;
        let status = if self.random.u64(0..4) > 0 { "completed" } else { "abandoned" };
        let exchange = Exchange::sent(self.now());
        let nth = {
            let ends = &mut self.state.lock().sessions[session].ends;
            ends.push(EndRequest { socket: Some(socket), exchange, status });
            ends.len() - 1
        };
        self.link.as_ref()?.send(json!({ "type": "stop", "status": status }));
        Some(nth)
    }

    async fn end_over_http(&mut self, session: usize, node: usize) {
        self.node = node;
        let status = if self.random.u64(0..4) > 0 { "completed" } else { "cancelled" };
        let exchange = Exchange::sent(self.now());
        let (id, nth) = {
            let log = &mut self.state.lock().sessions[session];
            log.ends.push(EndRequest { socket: None, exchange, status });
            (log.id.clone(), log.ends.len() - 1)
        };
        // Counters that would inflate the score.
        let body = json!({ "status": status, "elapsedSeconds": 9000, "activeSeconds": 9000, "tabSwitches": 0 });
        let (answered, _) = self.request("PUT", format!("/api/sessions/{id}/end"), body).await;
        let at = self.now();
        let log = &mut self.state.lock().sessions[session];
        log.scores.extend(answered["focusScore"].as_u64());
        log.ends[nth].exchange.answered = Some(at);
    }
}
