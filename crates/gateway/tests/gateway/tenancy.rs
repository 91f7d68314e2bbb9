//! No user can read or change the data of another, whatever ids the user sends.

use std::collections::BTreeSet;

use fastrand::Rng;
use harness::{Client, Node, SocketIo};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

const SECRET: &str = "a secret of sixteen bytes";
const PARTNERS: &str = "the secret of a partner's";

/// Steps of all users in one run.
const STEPS: usize = 400;

/// Ids that all users share, so that they constantly name each other's data.
const IDS: [&str; 4] = ["s", "t", "u", "session-1"];

/// A user with a connection of every kind. All written data carries the mark of the user.
struct Person {
    mark: String,
    user: String,
    token: String,
    client: Client,
    socket: SocketIo,
    /// The rooms that the user created.
    rooms: Vec<String>,
    /// The room that the user is in.
    room: Option<String>,
    /// Imported rows, by their comment.
    rows: BTreeSet<String>,
}

impl Person {
    /// Connects the user `sub` of an issuer; `name` is the prefix of the issuer's user ids.
    async fn new(node: &Node, nth: usize, name: &str, sub: &str) -> Self {
        let (secret, iss) = if name.is_empty() { (SECRET, "main") } else { (PARTNERS, "partner") };
        let claims = json!({ "sub": sub, "iss": iss, "exp": get_current_timestamp() + 600 });
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
        let mut client = node.connect(&format!("token={token}")).await;
        client.next_of("ready").await;
        let socket = SocketIo::connect_as(node.public, &json!({ "token": token })).await;
        let (mark, user) = (format!("mark-{nth}-"), format!("{name}{sub}"));
        Self { mark, user, token, client, socket, rooms: Vec::new(), room: None, rows: BTreeSet::new() }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Checks that a message contains only data of this user.
    fn check(&self, message: &Value) {
        let text = message.to_string();
        for (at, _) in text.match_indices("mark-") {
            assert!(text[at..].starts_with(&self.mark), "{} is shown {text}", self.user);
        }
        for (at, found) in text.match_indices("\"userId\":\"") {
            let user = text[at + found.len()..].split('"').next().unwrap();
            assert_eq!(user, self.user, "{text}");
        }
    }

    /// Sends a Clockit command and reads all messages up to its answer.
    async fn request(&mut self, nth: usize, kind: &str, payload: Value) {
        let answered = json!(nth.to_string());
        self.client.ask(kind, answered.as_str(), payload).await;
        loop {
            let message = self.client.next().await;
            self.check(&message);
            if message["id"] == answered {
                return;
            }
        }
    }

    async fn clockit(&mut self, nth: usize, rng: &mut Rng) {
        let id = IDS[rng.usize(..IDS.len())];
        let label = format!("{}label", self.mark);
        let goal = json!({ "id": "g", "title": format!("{}goal", self.mark) });
        let (kind, payload) = match rng.u8(..8) {
            0 | 1 => ("session-start", json!({ "sessionId": id, "label": label, "userId": "somebody" })),
            2 => ("session-stop", json!({ "sessionId": id })),
            3 => ("session-pause", json!({ "sessionId": id })),
            4 => ("session-resume", json!({ "sessionId": id })),
            5 => ("session-remove", json!({ "sessionId": id })),
            6 => ("session-attach", json!({ "sessionId": id, "goal": goal })),
            _ => ("session-detach", json!({ "sessionId": id, "goalId": "g" })),
        };
        self.request(nth, kind, payload).await;
    }

    async fn http(&mut self, node: &Node, nth: usize, other: &str) {
        let bearer = self.bearer();
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let comment = format!("{}row-{nth}", self.mark);
        let row = json!({
            "startedIso": "2026-01-01T00:00:00Z", "endedIso": "2026-01-01T00:01:00Z",
            "durationSeconds": 60, "comment": comment,
        });
        let body = json!({ "sessions": [row], "userId": other }).to_string();
        let stored = node.http("POST", "/ingestCsv", &headers, body.as_bytes()).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        self.rows.insert(comment);
        for path in ["/sessions?limit=1000", "/sessions.csv"] {
            let own = node.http("GET", path, &headers, b"").await;
            assert_eq!(own.status, 200);
            self.check(&Value::from(own.body.clone()));
            assert!(self.rows.iter().all(|row| own.body.contains(row)), "they have all that is theirs");
        }
        for (method, path) in [("GET", "/sessions"), ("GET", "/sessions.csv"), ("POST", "/ingestCsv")] {
            let named = format!("{path}?userId={}", other.replace(':', "%3A").replace(' ', "%20"));
            assert_eq!(node.http(method, &named, &headers, body.as_bytes()).await.status, 401, "{named}");
        }
        for path in ["/admin/connections", "/admin/disconnect", "/metrics", "/cluster"] {
            assert_eq!(node.http("GET", path, &headers, b"").await.status, 404, "{path}");
        }
    }

    /// Creates a room, or controls the current room or a foreign one.
    async fn room(&mut self, rng: &mut Rng, foreign: Option<&String>) {
        let name = format!("{}name", self.mark);
        match (rng.u8(..4), foreign) {
            (0, _) | (_, None) => {
                let made = self.socket.must("session:create", json!({ "name": name })).await;
                let room = made["sessionId"].as_str().unwrap().to_owned();
                self.rooms.push(room.clone());
                self.room = Some(room);
            }
            (1, _) => {
                let Some(room) = self.rooms.get(rng.usize(..self.rooms.len().max(1))).cloned() else { return };
                self.socket.must("session:join", json!({ "sessionId": room, "name": name })).await;
                self.room = Some(room);
            }
            (way, Some(foreign)) => {
                let events = ["timer:start", "timer:pause", "timer:resume", "timer:reset", "timer:adjust"];
                let event = events[rng.usize(..events.len())];
                let payload = |room: &str| json!({ "sessionId": room, "duration": 60, "seconds": 5 });
                let refused = self.socket.ask(event, payload(foreign)).await;
                assert_eq!(refused["error"]["code"], "NOT_JOINED", "{refused}");
                if let Some(own) = self.room.clone().filter(|_| way == 2) {
                    self.socket.must(event, payload(&own)).await;
                }
            }
        }
    }

    /// Reads the messages of the room: they concern only rooms and members of this user.
    async fn read_room(&mut self) {
        // Messages sent before the answer are received before it.
        self.socket.ask("timer:pause", Value::Null).await;
        for (name, payload) in self.socket.take_pending() {
            self.check(&payload);
            if let Some(room) = payload["sessionId"].as_str() {
                assert!(self.rooms.iter().any(|own| own == room), "{} hears {name} of {room}", self.user);
            }
        }
    }
}

async fn run(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", SECRET),
        ("auth.jwt.issuer", "main"),
        ("auth.issuers.partner.secret", PARTNERS),
        ("auth.issuers.partner.issuer", "partner"),
    ];
    let node = Node::start_with(&settings).await;
    let mut people = Vec::new();
    // The same id at two issuers, and ids that resemble each other.
    for (nth, (name, sub)) in
        [("", "42"), ("partner:", "42"), ("", "user:42"), ("", "42 "), ("partner:", "partner:42")].iter().enumerate()
    {
        people.push(Person::new(&node, nth, name, sub).await);
    }
    for nth in 0..STEPS {
        let (who, other) = (rng.usize(..people.len()), rng.usize(..people.len() - 1));
        let other = if other >= who { other + 1 } else { other };
        let (named, foreign) = (people[other].user.clone(), people[other].room.clone());
        let person = &mut people[who];
        match rng.u8(..10) {
            0..6 => person.clockit(nth, &mut rng).await,
            6 => person.http(&node, nth, &named).await,
            _ => person.room(&mut rng, foreign.as_ref()).await,
        }
    }
    for person in &mut people {
        person.read_room().await;
        let mut again = node.connect(&format!("token={}", person.token)).await;
        person.check(&again.next_of("ready").await);
    }
}

#[tokio::test]
async fn users_see_and_change_only_their_own_data_whatever_ids_they_send() {
    for seed in [1, 2, fastrand::u64(..)] {
        println!("seed {seed}");
        run(seed).await;
    }
}
