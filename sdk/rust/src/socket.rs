//! Links over WebSockets, with one message per text frame.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, RETRY_AFTER};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use url::Url;

use crate::credential::{Credentials, Identity};
use crate::error::ConnectionError;
use crate::link::{Dial, Link, LinkEvent, LinkEvents, LinkId};
use crate::network::{ByteStream, Network};

/// A write that takes longer has no reader: a node closes such a connection after half of it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Limit of a close handshake, after which the connection is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<Box<dyn ByteStream>>;

/// What a text of the server means.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded<M> {
    Event(LinkEvent<M>),
    /// The protocol requires this answer.
    Answer(String),
    /// Nothing that the client knows.
    Nothing,
}

/// How the texts of a link are read.
pub(crate) trait Codec: Send + Sync + 'static {
    type Message: Send + 'static;

    /// Returns the URL to connect to, and headers of the handshake.
    fn request(&self, identity: &Identity) -> (Url, HeaderMap);

    /// Reads a text. Anything may arrive: the server may be newer, or none of ours.
    fn decode(&mut self, text: &str) -> Decoded<Self::Message>;

    /// Returns the silence after which the protocol counts a link as dead; `None` if it has no heartbeat.
    fn silence_max(&self) -> Option<Duration> {
        None
    }

    /// Returns the reason for which a link ended, by what its texts have told.
    fn end_reason(&self, error: ConnectionError) -> ConnectionError {
        error
    }
}

/// Opens links over WebSockets.
pub(crate) struct SocketDialer<C: Codec> {
    pub(crate) network: Network,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) codec: C,
    pub(crate) events: LinkEvents<C::Message>,
}

impl<C: Codec + Clone> Dial for SocketDialer<C> {
    fn dial(&mut self, id: LinkId) -> Link {
        let (link, outgoing) = Link::new(id);
        let (network, credentials) = (self.network.clone(), Arc::clone(&self.credentials));
        let (mut codec, events) = (self.codec.clone(), self.events.clone());
        tokio::spawn(async move {
            if let Err(error) = run(&network, &credentials, &mut codec, outgoing, id, &events).await {
                // The client has gone if nobody receives it.
                events.send((id, LinkEvent::Closed(error))).await.ok();
            }
        });
        link
    }
}

/// Adds an identity to a request. A token goes into a header, which proxies do not log, if it can.
pub(crate) fn identified(mut url: Url, identity: &Identity) -> (Url, HeaderMap) {
    let mut headers = HeaderMap::new();
    match identity {
        Identity::Guest => {}
        Identity::User(id) => drop(url.query_pairs_mut().append_pair("userId", id)),
        Identity::Token(token) => match HeaderValue::from_str(&format!("Bearer {token}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            Err(_) => drop(url.query_pairs_mut().append_pair("token", token)),
        },
    }
    (url, headers)
}

/// Serves a link until it is dropped. An error is the reason for which it ended by itself.
async fn run<C: Codec>(
    network: &Network,
    credentials: &Credentials,
    codec: &mut C,
    mut outgoing: mpsc::Receiver<String>,
    id: LinkId,
    events: &LinkEvents<C::Message>,
) -> Result<(), ConnectionError> {
    let opened = tokio::select! {
        opened = open(network, credentials, codec) => Some(opened?),
        // Nothing is sent before the handshake, so the link was dropped.
        _ = outgoing.recv() => None,
    };
    let Some(mut socket) = opened else { return Ok(()) };
    let served = serve(&mut socket, codec, &mut outgoing, id, events).await;
    served.map_err(|error| codec.end_reason(error))
}

async fn serve<C: Codec>(
    socket: &mut Socket,
    codec: &mut C,
    outgoing: &mut mpsc::Receiver<String>,
    id: LinkId,
    events: &LinkEvents<C::Message>,
) -> Result<(), ConnectionError> {
    loop {
        tokio::select! {
            text = outgoing.recv() => match text {
                Some(text) => write(socket, text).await?,
                None => {
                    timeout(CLOSE_TIMEOUT, close(socket)).await.ok();
                    return Ok(());
                }
            },
            text = read(socket, codec.silence_max()) => match codec.decode(&text?) {
                Decoded::Event(LinkEvent::Closed(error)) => return Err(error),
                Decoded::Event(event) => {
                    if events.send((id, event)).await.is_err() {
                        return Ok(());
                    }
                }
                Decoded::Answer(answer) => write(socket, answer).await?,
                Decoded::Nothing => {}
            },
        }
    }
}

async fn open<C: Codec>(network: &Network, credentials: &Credentials, codec: &C) -> Result<Socket, ConnectionError> {
    let identity = credentials.present().await?;
    let (mut url, headers) = codec.request(&identity);
    let stream = network.connect(&url).await?;
    // The scheme does not matter to the handshake, but it has to be a WebSocket's.
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| ConnectionError::unreachable("the address has another scheme"))?;
    let mut request = url.as_str().into_client_request().map_err(ConnectionError::unreachable)?;
    request.headers_mut().extend(headers);
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            Err(ConnectionError::Handshake { status: response.status().as_u16(), retry_after })
        }
        Err(error) => Err(ConnectionError::lost(format!("no WebSocket was opened: {error}"))),
    }
}

async fn write(socket: &mut Socket, text: String) -> Result<(), ConnectionError> {
    let written = timeout(WRITE_TIMEOUT, socket.send(Message::text(text))).await;
    written.map_err(|_| ConnectionError::lost("the server does not read"))?.map_err(ConnectionError::lost)
}

/// Returns the next text. Each frame counts against the silence, pings included.
async fn read(socket: &mut Socket, silence_max: Option<Duration>) -> Result<String, ConnectionError> {
    loop {
        let frame = match silence_max {
            Some(limit) => timeout(limit, socket.next()).await.map_err(|_| ConnectionError::lost("no ping in time"))?,
            None => socket.next().await,
        };
        match frame {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Close(Some(frame)))) => {
                return Err(ConnectionError::Closed { code: frame.code.into(), reason: frame.reason.to_string() });
            }
            Some(Ok(Message::Close(None))) => return Err(ConnectionError::lost("closed without a code")),
            // Pongs are sent by the socket itself.
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => return Err(ConnectionError::lost(error)),
            None => return Err(ConnectionError::lost("the connection ended")),
        }
    }
}

async fn close(socket: &mut Socket) {
    if socket.close(None).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}
