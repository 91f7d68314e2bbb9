//! Endpoints whose messages are JSON texts.

use tokio_tungstenite::tungstenite::http::HeaderMap;
use url::Url;

use crate::credential::Identity;
use crate::endpoint::ServerUrl;
use crate::socket::{Codec, Decoded, identified};

/// An endpoint, and how its texts are read.
#[derive(Clone)]
pub(crate) struct JsonCodec<M> {
    url: Url,
    decode: fn(&str) -> Decoded<M>,
}

impl<M> JsonCodec<M> {
    pub(crate) fn new(server: &ServerUrl, path: &str, query: &[(&str, &str)], decode: fn(&str) -> Decoded<M>) -> Self {
        Self { url: server.with_query(path, query), decode }
    }
}

impl<M: Send + 'static> Codec for JsonCodec<M> {
    type Message = M;

    fn request(&self, identity: &Identity) -> (Url, HeaderMap) {
        identified(self.url.clone(), identity)
    }

    fn decode(&mut self, text: &str) -> Decoded<M> {
        (self.decode)(text)
    }
}
