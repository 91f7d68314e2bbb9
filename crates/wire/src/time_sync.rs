//! The cluster's time for clients: a request that carries the client's time, over a WebSocket or as JSON-RPC.

use serde::{Deserialize, Serialize};
use timers::{BadField, Fields, RawJson, Timestamp};

use crate::fault::Fault;

/// The type of the request.
pub(crate) const PING: &str = "time-ping";

/// The type of the answer.
pub(crate) const PONG: &str = "time-pong";

/// A client's time, sent back byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimePing(RawJson);

/// The cluster's time, with which a client measures how far its clock is off.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it describes what `pong` writes")]
pub(crate) struct TimePongMessage {
    /// The number of the request.
    t0: f64,
    /// When the request arrived.
    t1: Timestamp,
    /// When the answer left.
    t2: Timestamp,
}

/// Asks for the cluster's time.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it describes what `read` takes")]
pub(crate) struct TimePingMessage {
    /// The client's time, or any other number. It is returned unchanged.
    t0: f64,
}

/// A JSON-RPC 2.0 request for the time.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct JsonRpcRequest {
    /// `timesync`, the only method.
    method: String,
    /// Any value. It is returned unchanged.
    id: RawJson,
}

/// A JSON-RPC 2.0 answer: the time, or an error.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct JsonRpcResponse<'a> {
    /// `2.0`.
    jsonrpc: &'static str,
    /// The id of the request, or `null` if it could not be read.
    id: &'a RawJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonRpcError>,
}

/// Why there is no time.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct JsonRpcError {
    /// The code of JSON-RPC 2.0.
    code: i32,
    /// The reason, for people.
    message: &'static str,
}

impl TimePing {
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, Fault> {
        let bad = |reason: &str| Fault::in_field("", &BadField { field: "t0".to_owned(), reason: reason.to_owned() });
        let t0 = fields.take_raw("t0").ok_or_else(|| bad("is missing"))?;
        let is_number = t0.as_str().starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if is_number && t0.as_str().len() <= NUMBER_BYTES_MAX { Ok(Self(t0)) } else { Err(bad("must be a number")) }
    }

    /// Renders the answer: the client's time, and the cluster's time when the request arrived and when the answer leaves.
    pub fn pong(&self, received: Timestamp, sent: Timestamp) -> String {
        format!(r#"{{"type":"{PONG}","t0":{},"t1":{received},"t2":{sent}}}"#, self.0.as_str())
    }
}

/// Longest number that is sent back. Programs write numbers of at most 25 characters.
const NUMBER_BYTES_MAX: usize = 32;

/// Answers a JSON-RPC 2.0 request `timesync`, as the npm package of that name sends it. The flag tells whether the answer
/// is the time.
pub fn json_rpc(request: &[u8], now: Option<Timestamp>) -> (String, bool) {
    let no_id = RawJson::new("null").expect("null is JSON");
    let read: Result<JsonRpcRequest, _> = serde_json::from_slice(request);
    let (id, outcome) = match &read {
        Err(error) if error.is_data() => (&no_id, Err((-32600, "not a request: an id and a method are needed"))),
        Err(_) => (&no_id, Err((-32700, "not JSON"))),
        Ok(request) if request.method != "timesync" => (&request.id, Err((-32601, "the only method is timesync"))),
        Ok(request) => (&request.id, now.ok_or((-32000, "the time is not known; try again"))),
    };
    let error = outcome.err().map(|(code, message)| JsonRpcError { code, message });
    let response = JsonRpcResponse { jsonrpc: "2.0", id, result: outcome.ok(), error };
    (serde_json::to_string(&response).expect("texts and numbers are JSON"), outcome.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_under_its_id_and_errors_are_named() {
        let answer = |request: &str| json_rpc(request.as_bytes(), Some(Timestamp(5))).0;
        assert_eq!(
            answer(r#"{"jsonrpc":"2.0","id":"a1","method":"timesync"}"#),
            r#"{"jsonrpc":"2.0","id":"a1","result":5}"#
        );
        assert_eq!(
            answer(r#"{"id":1.50,"method":"timesync","params":[]}"#),
            r#"{"jsonrpc":"2.0","id":1.50,"result":5}"#
        );
        for (request, code) in [("", -32700), ("{", -32700), ("[]", -32600), (r#"{"id":1}"#, -32600)] {
            assert!(
                answer(request).starts_with(&format!(r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{code},"#)),
                "{request}"
            );
        }
        assert!(answer(r#"{"id":7,"method":"time"}"#).contains(r#""id":7,"error":{"code":-32601"#));
        assert!(json_rpc(br#"{"id":7,"method":"timesync"}"#, None).0.contains("-32000"));
    }

    #[test]
    fn a_ping_is_answered_with_its_number_byte_for_byte() {
        let read = |json: &str| TimePing::read(&mut serde_json::from_str(json).unwrap());
        let pong = read(r#"{"t0":1.50e3}"#).unwrap().pong(Timestamp(7), Timestamp(8));
        assert_eq!(pong, r#"{"type":"time-pong","t0":1.50e3,"t1":7,"t2":8}"#);
        for (json, named) in [
            ("{}", "t0 is missing"),
            (r#"{"t0":"1"}"#, "t0 must be a number"),
            (r#"{"t0":null}"#, "t0 must be a number"),
        ] {
            assert_eq!(read(json).unwrap_err().message, named);
        }
        assert!(read(&format!(r#"{{"t0":{}}}"#, "1".repeat(40))).is_err());
    }
}
