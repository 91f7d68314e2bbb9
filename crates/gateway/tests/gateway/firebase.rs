//! Clients with ID tokens of Firebase Authentication, by the recipe in `docs/protocol/access.md`.

use harness::{Certificates, Client, Node, Site, SocketIo, wait_until};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;

const PROJECT: &str = "demo-project";

const UID: &str = "Xq3vZ0aTmWcUe1yRb7KsN5hJdPf2";

/// Firebase for one project: its key, and the address at which it publishes the key.
struct Firebase {
    signing: EncodingKey,
    site: Site,
    certificates: Certificates,
}

impl Firebase {
    fn start() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some("a3bde".to_owned());
        let certificates = Certificates::make();
        let keys = serde_json::to_string(&JwkSet { keys: vec![jwk] }).unwrap();
        let site = Site::start_over_tls(&keys, &certificates);
        Self { signing, site, certificates }
    }

    /// Returns an ID token of a project, with the claims that Firebase gives it.
    fn token(&self, project: &str, expires_in: u64) -> String {
        let now = get_current_timestamp();
        let claims = json!({
            "iss": format!("https://securetoken.google.com/{project}"),
            "aud": project,
            "auth_time": now - 86_400,
            "user_id": UID,
            "sub": UID,
            "iat": now - 5,
            "exp": now + expires_in,
            "email": "ann@example.com",
            "email_verified": true,
            "firebase": { "identities": { "email": ["ann@example.com"] }, "sign_in_provider": "password" },
        });
        let header = Header { kid: Some("a3bde".to_owned()), ..Header::new(Algorithm::RS256) };
        encode(&header, &claims, &self.signing).unwrap()
    }

    /// Starts a node by the recipe, with this project and this address of the keys. The clock needs no leeway here.
    async fn node(&self, settings: &[(&str, &str)]) -> Node {
        let (url, authority) = (self.site.url(), self.certificates.authority());
        let authority = authority.to_string_lossy();
        let here = [
            ("auth.jwt.jwks_url", url.as_str()),
            ("auth.jwt.jwks_ca_file", &authority),
            ("auth.jwt.leeway", "0s"),
            ("store.url", "memory://"),
        ];
        Node::start_with_file(&recipe(), &[&here, settings].concat()).await
    }
}

/// Returns the configuration of the recipe.
fn recipe() -> String {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol/access.md")).unwrap();
    let section = document.split("## Recipe: Firebase Authentication").nth(1).unwrap();
    let recipe = section.split("```toml").nth(1).unwrap().split("```").next().unwrap();
    assert!(recipe.contains("securetoken@system.gserviceaccount.com"), "{recipe}");
    recipe.replace("<project>", PROJECT)
}

/// Connects as the page of the project does.
async fn connect(node: &Node, token: &str) -> Client {
    let origin = format!("https://{PROJECT}.web.app");
    Client::connect_with(node.public, &format!("/session?token={token}"), &[("origin", &origin)]).await
}

async fn expired(node: &Node, token: &str) {
    let is_refused = async || node.get(&format!("/sessions?token={token}")).await.status == 401;
    wait_until("the token has expired", is_refused).await;
}

#[tokio::test]
async fn a_page_that_never_refreshes_its_token_stays_connected() {
    let firebase = Firebase::start();
    let node = firebase.node(&[]).await;
    let token = firebase.token(PROJECT, 2);
    let mut page = connect(&node, &token).await;
    page.next_of("ready").await;
    let mut room = SocketIo::connect_as(node.public, &json!({ "token": token })).await;
    expired(&node, &token).await;
    page.must("session-start", "s", json!({ "sessionId": "s", "label": "x" })).await;
    let tick = page.next_of("tick").await;
    assert_eq!(tick["payload"][0]["sessionId"], "s", "clients with a token speak v1");
    room.must("session:create", json!(null)).await;
    let mut late = connect(&node, &token).await;
    assert_eq!(late.closed().await.0, 4401, "a new connection needs a valid token");
    let sessions = node.get(&format!("/sessions?token={}", firebase.token(PROJECT, 60))).await;
    assert_eq!(sessions.status, 200);
    let warning = "auth.jwt.expiry is at_connect: connections outlive their tokens, for up to 12h";
    assert!(node.log().contains(warning), "{}", node.log());
}

#[tokio::test]
async fn tokens_of_other_projects_and_pages_of_other_sites_are_refused() {
    let firebase = Firebase::start();
    let node = firebase.node(&[]).await;
    let mut other = connect(&node, &firebase.token("other-project", 60)).await;
    assert_eq!(other.closed().await.0, 4401);
    let token = firebase.token(PROJECT, 60);
    let origin = [("origin", "https://other-project.web.app")];
    assert_eq!(node.http("GET", &format!("/sessions?token={token}"), &origin, b"").await.status, 403);
}

#[tokio::test]
async fn with_enforced_expiry_a_page_is_closed_when_its_token_expires() {
    let firebase = Firebase::start();
    let node = firebase.node(&[("auth.jwt.expiry", "enforce")]).await;
    let mut page = connect(&node, &firebase.token(PROJECT, 2)).await;
    page.next_of("ready").await;
    assert_eq!(page.closed().await, (4401, "Unauthorized".to_owned()));
    assert!(!node.log().contains("outlive their tokens"), "{}", node.log());
}

#[tokio::test]
async fn a_connection_of_the_maximum_age_is_closed_although_its_token_is_valid() {
    let firebase = Firebase::start();
    let node = firebase.node(&[("auth.jwt.max_connection_age", "2s")]).await;
    let token = firebase.token(PROJECT, 600);
    let mut page = connect(&node, &token).await;
    let mut room = SocketIo::connect_as(node.public, &json!({ "token": token })).await;
    page.next_of("ready").await;
    page.ask("auth", Some("a"), json!({ "token": token })).await;
    let expires_at = page.next_of("auth").await["payload"]["expiresAt"].as_u64().unwrap();
    assert!(expires_at <= (get_current_timestamp() + 3) * 1000, "the client is told the earlier end");
    assert_eq!(page.closed().await, (4401, "Unauthorized".to_owned()));
    assert_eq!(room.is_disconnected().await, 4401);
    connect(&node, &token).await.next_of("ready").await;
}
