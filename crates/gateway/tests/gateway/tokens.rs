//! Tokens: transport, verification keys, and expiry.

use harness::http::UPGRADE;
use harness::{Client, Node, Site, SocketIo, wait_until};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SECRET: &str = "a secret of sixteen bytes";

const JWT: [(&str, &str); 3] = [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.jwt.leeway", "0s")];

fn token(user: &str, expires_in: i64) -> String {
    let now = i64::try_from(get_current_timestamp()).unwrap();
    let claims = json!({ "sub": user, "exp": now + expires_in });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn jwt_node(more: &[(&str, &str)]) -> Node {
    Node::start_with(&[&JWT, more].concat()).await
}

/// A key of an issuer: the private part, and the published part.
struct Key {
    id: &'static str,
    signing: EncodingKey,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { id, signing: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap() }
    }

    fn token(&self, user: &str) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, &json!({ "sub": user, "exp": get_current_timestamp() + 600 }), &self.signing).unwrap()
    }
}

fn published(keys: &[&Key]) -> String {
    let jwk = |key: &&Key| {
        let mut jwk = Jwk::from_encoding_key(&key.signing, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(key.id.to_owned());
        jwk
    };
    serde_json::to_string(&JwkSet { keys: keys.iter().map(jwk).collect() }).unwrap()
}

async fn status(node: &Node, token: &str) -> u16 {
    node.http("GET", "/sessions", &[("authorization", &format!("Bearer {token}"))], b"").await.status
}

#[tokio::test]
async fn published_keys_rotate_without_a_restart_and_outlive_an_outage_of_their_address() {
    let (old, new, stranger) = (Key::new("old"), Key::new("new"), Key::new("old"));
    let site = Site::start(&published(&[&old]));
    let url = site.url();
    let often = [("auth.modes", "jwt"), ("auth.jwt.jwks_url", url.as_str()), ("auth.jwt.jwks_every", "1s")];
    let node = Node::start_with(&often).await;
    assert_eq!(status(&node, &old.token("ann")).await, 200);
    assert_eq!(status(&node, &stranger.token("ann")).await, 401, "another key by the same name");
    // The address is unavailable, and a token has an unknown key.
    site.answer(500, "");
    let asked = site.asked();
    wait_until("the keys are fetched again", async || {
        assert_eq!(status(&node, &new.token("ann")).await, 401);
        site.asked() > asked
    })
    .await;
    assert_eq!(status(&node, &old.token("ann")).await, 200, "the last good keys stay");
    // An invalid document is ignored.
    site.answer(200, "<html>");
    assert_eq!(status(&node, &old.token("ann")).await, 200);
    site.answer(200, &published(&[&new]));
    wait_until("the new key is known", async || status(&node, &new.token("ann")).await == 200).await;
    assert_eq!(status(&node, &old.token("ann")).await, 401, "the old one is no more");
}

#[tokio::test]
async fn without_keys_clients_are_told_to_retry() {
    let key = Key::new("k");
    let site = Site::start("");
    let mut node = Node::launch(&[("auth.modes", "jwt"), ("auth.jwt.jwks_url", &site.url())]);
    wait_until("the failed fetch is logged", async || node.log().contains("cannot fetch the keys of an issuer")).await;
    let unready = async || node.get_internal("/readyz").await.body.contains("keys of an issuer have not been fetched");
    wait_until("the node is not ready", unready).await;
    let bearer = format!("Bearer {}", key.token("ann"));
    let refused = node.http("GET", "/sessions", &[("authorization", &bearer)], b"").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let mut client = Client::connect_with(node.public, "/session", &[("authorization", &bearer)]).await;
    let (code, reason) = client.closed().await;
    assert!(code == 1013 && reason.contains("reconnectAfterMs"), "{code} {reason}");
    site.answer(200, &published(&[&key]));
    wait_until("there are keys", async || status(&node, &key.token("ann")).await == 200).await;
    node.is_ready().await;
}

#[tokio::test]
async fn tokens_with_invented_keys_do_not_flood_the_issuer() {
    let (key, stranger) = (Key::new("k"), Key::new("unknown"));
    let site = Site::start(&published(&[&key]));
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.jwks_url", &site.url())]).await;
    let asked = site.asked();
    for _ in 0..100 {
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        let head = format!("GET /sessions?token={} HTTP/1.1\r\nhost: x\r\n\r\n", stranger.token("eve"));
        tcp.write_all(head.as_bytes()).await.unwrap();
    }
    assert_eq!(status(&node, &stranger.token("eve")).await, 401);
    assert_eq!(status(&node, &key.token("ann")).await, 200);
    assert!(site.asked() <= asked + 1, "{} times", site.asked() - asked);
    // A set without a usable key is ignored.
    site.answer(200, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#);
    let asked = site.asked();
    wait_until("the keys are fetched again", async || {
        status(&node, &stranger.token("eve")).await;
        site.asked() > asked
    })
    .await;
    assert_eq!(status(&node, &key.token("ann")).await, 200);
}

#[tokio::test]
async fn a_token_in_a_subprotocol_is_accepted_and_not_returned() {
    let node = jwt_node(&[]).await;
    let good = token("ann", 600);
    let protocols = format!("tickcast, bearer.{good}");
    let mut client =
        Client::connect_with(node.public, "/session", &[("sec-websocket-protocol", protocols.as_str())]).await;
    client.next_of("ready").await;
    let alone = format!("bearer.{good}");
    let alone = [&UPGRADE[..], &[("sec-websocket-protocol", alone.as_str())]].concat();
    let refused = node.http("GET", "/session", &alone, b"").await;
    assert!(refused.status == 400 && !refused.head.contains(&good), "{refused:?}");
}

#[tokio::test]
async fn a_token_in_the_first_message_is_accepted_and_required() {
    let node = jwt_node(&[("auth.first_message_within", "2s")]).await;
    for query in ["", "userId=ann", "userId=&token="] {
        let mut client = node.connect(query).await;
        client.ask("auth", Some("a"), json!({ "token": token("ann", 600) })).await;
        assert_eq!(client.next().await["type"], "ready", "{query}");
        client.must("session-start", "b", json!({ "label": "x" })).await;
    }
    let mut contradicts = node.connect("userId=ben").await;
    contradicts.ask("auth", None, json!({ "token": token("ann", 600) })).await;
    assert_eq!(contradicts.closed().await, (4401, "Unauthorized".to_owned()));
    for first in [r#"{"type":"session-start","payload":{"label":"x"}}"#, r#"{"type":"auth","payload":{}}"#, "nonsense"]
    {
        let mut client = node.connect("").await;
        client.say(first).await;
        assert_eq!(client.closed().await.0, 4401, "{first}");
    }
    let mut silent = node.connect("").await;
    assert_eq!(silent.closed().await.0, 4401);
}

#[tokio::test]
async fn a_socket_closes_when_its_token_expires_unless_the_user_sends_a_fresh_one() {
    let node = jwt_node(&[]).await;
    let mut ends = node.connect(&format!("token={}", token("ann", 2))).await;
    let mut goes_on = node.connect(&format!("token={}", token("ann", 2))).await;
    goes_on.next_of("ready").await;
    goes_on.ask("auth", Some("bad"), json!({ "token": "nonsense" })).await;
    let refused = goes_on.next_of("error").await;
    assert_eq!((&refused["id"], &refused["payload"]["code"]), (&json!("bad"), &json!("unauthorized")));
    let expires = (get_current_timestamp() + 600) * 1000;
    goes_on.ask("auth", Some("good"), json!({ "token": token("ann", 600) })).await;
    let answer = goes_on.next_of("auth").await;
    assert!(answer["id"] == "good" && answer["payload"]["expiresAt"].as_u64().unwrap().abs_diff(expires) <= 2000);
    assert_eq!(ends.closed().await, (4401, "Unauthorized".to_owned()));
    // The first token of the other client has expired at the same time.
    goes_on.must("session-start", "s", json!({ "label": "x" })).await;
    goes_on.ask("auth", None, json!({ "token": token("ben", 600) })).await;
    assert_eq!(goes_on.closed().await, (4403, "Forbidden".to_owned()));
    assert_eq!(node.get(&format!("/sessions?token={}", token("ann", -5))).await.status, 401);
}

#[tokio::test]
async fn a_guest_can_authenticate_later() {
    let node = jwt_node(&[("auth.guests", "true"), ("limits.connections_per_user", "1")]).await;
    let mut client = node.connect("").await;
    client.must("session-start", "g", json!({ "sessionId": "of-a-guest", "label": "x" })).await;
    client.ask("auth", Some("a"), json!({ "token": token("ann", 2) })).await;
    let ready = client.next_of("ready").await;
    assert_eq!(ready["payload"], json!([]), "what was the guest's is not hers");
    client.must("session-start", "b", json!({ "sessionId": "hers", "label": "x" })).await;
    let mut second = node.connect("").await;
    second.next_of("ready").await;
    second.ask("auth", None, json!({ "token": token("ann", 600) })).await;
    assert_eq!(second.closed().await.0, 4429);
    assert_eq!(client.closed().await.0, 4401, "it ends with its token");
    let mut guest = SocketIo::connect(node.public).await;
    guest.must("session:create", Value::Null).await;
    guest.must("auth", json!({ "token": token("ben", 2) })).await;
    guest.must("timer:start", json!(60)).await;
    assert_eq!(guest.is_disconnected().await, 4401);
}

#[tokio::test]
async fn a_socket_io_client_closes_when_its_token_expires_and_is_told_not_to_reconnect() {
    let node = jwt_node(&[("socketio.anonymous", "false")]).await;
    let mut ends = SocketIo::connect_as(node.public, &json!({ "token": token("ann", 2) })).await;
    let mut goes_on = SocketIo::connect_as(node.public, &json!({ "token": token("ann", 2) })).await;
    let refused = goes_on.ask("auth", json!({ "token": "nonsense" })).await;
    assert_eq!(refused["error"]["code"], "UNAUTHORIZED");
    let answer = goes_on.ask("auth", json!({ "token": token("ann", 600) })).await;
    assert!(answer["expiresAt"].as_u64().unwrap() > get_current_timestamp() * 1000);
    assert_eq!(ends.is_disconnected().await, 4401);
    goes_on.must("session:create", Value::Null).await;
    goes_on.emit("auth", json!({ "token": token("ben", 600) })).await;
    assert_eq!(goes_on.is_disconnected().await, 4403);
}

#[tokio::test]
async fn tokens_are_never_logged() {
    let node = jwt_node(&[("log.level", "trace")]).await;
    let (good, bad) = (token("ann", 600), token("ann", -5));
    for token in [&good, &bad] {
        status(&node, token).await;
        node.get(&format!("/sessions?token={token}")).await;
        let mut client = node.connect(&format!("token={token}")).await;
        client.ask("auth", None, json!({ "token": token })).await;
        let mut client = SocketIo::open(node.public, "").await;
        client.connect_namespace(&json!({ "token": token })).await;
    }
    let log = node.log();
    assert!(log.contains("DEBUG"), "everything is logged");
    for secret in [&good, &bad, SECRET] {
        assert!(!log.contains(secret), "the log contains a token");
    }
}

#[tokio::test]
async fn secrets_and_public_keys_follow_their_files_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, tokens, key) =
        (folder.path().join("secret"), folder.path().join("tokens"), folder.path().join("key.pem"));
    let write = |file: &std::path::Path, text: &str| std::fs::write(file, text).unwrap();
    let pair = |id| {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let signing = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        (Key { id, signing }, pair.public_key_pem())
    };
    let ((old, old_pem), (new, new_pem)) = (pair("old"), pair("new"));
    write(&secret, "the first secret of sixteen bytes\n");
    write(&tokens, "an-opaque-token-of-old=ann\n");
    write(&key, &old_pem);
    let node = Node::start_with(&[
        ("auth.modes", "jwt"),
        ("auth.jwt.secret_file", secret.to_str().unwrap()),
        ("auth.jwt.public_key_files", key.to_str().unwrap()),
        ("auth.tokens_file", tokens.to_str().unwrap()),
    ])
    .await;
    assert_eq!(status(&node, &old.token("ann")).await, 200);
    assert_eq!(status(&node, "an-opaque-token-of-old").await, 200);
    assert_eq!(status(&node, &token("ann", 60)).await, 401);
    write(&secret, &format!("{SECRET}\nthe first secret of sixteen bytes\n"));
    wait_until("the new secret", async || status(&node, &token("ann", 60)).await == 200).await;
    write(&key, &new_pem);
    wait_until("the new key", async || status(&node, &new.token("ann")).await == 200).await;
    assert_eq!(status(&node, &old.token("ann")).await, 401);
    write(&tokens, "an-opaque-token-of-new=ben\n");
    wait_until("the new static token", async || status(&node, "an-opaque-token-of-new").await == 200).await;
    assert_eq!(status(&node, "an-opaque-token-of-old").await, 401);
    write(&secret, "short");
    wait_until("the error", async || node.log().contains("the new keys of authentication can't be used")).await;
    assert!(!node.log().contains("short\""), "{}", node.log());
    assert_eq!(status(&node, &token("ann", 60)).await, 200, "the current secret stays in use");
}
