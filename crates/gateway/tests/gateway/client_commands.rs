//! `tickcast watch`, `start`, `pause`, `resume`, `stop`, `remove` and `room` against nodes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Instant;

use harness::{Certificates, DEADLINE, Node, TlsFront, binary, free_port};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

const TOKEN: &str = "a token of ann with 32 characters";

fn tickcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("TICKCAST_URL").env_remove("TICKCAST_TOKEN");
    command
}

fn url(node: &Node) -> String {
    format!("http://127.0.0.1:{}", node.public)
}

/// Runs a command to its end, checks its exit code, and returns what it says.
async fn run(mut command: Command, code: i32) -> String {
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await;
    let Output { status, stdout, stderr } = ran.unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert_eq!(status.code(), Some(code), "{said}");
    said
}

/// A command that runs until it is interrupted.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for a line that contains a text, skipping others.
    fn until(&mut self, text: &str) -> String {
        let (mut line, mut skipped) = (String::new(), String::new());
        loop {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no `{text}` in: {skipped}");
            if line.contains(text) {
                return line;
            }
            skipped.push_str(&line);
        }
    }

    /// Presses Ctrl-C, and checks that the command ends well.
    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_are_started_watched_and_stopped() {
    let node = Node::start().await;
    let url = url(&node);
    let ann = |arguments: &[&str]| tickcast(&[arguments, &["--url", &url, "--user", "ann"]].concat());
    let mut lines = Following::start(ann(&["watch", "--ticks"]));
    let mut objects = Following::start(ann(&["watch", "--json"]));
    lines.until("online");
    objects.until(r#""phase":"online""#);

    let started = run(ann(&["start", "Write\u{7}", "--json"]), 0).await;
    let id = serde_json::from_str::<Value>(&started).unwrap()["sessionId"].as_str().unwrap().to_owned();
    lines.until("running  0:00:00  Write\u{fffd}");
    lines.until("tick     0:00:01  Write\u{fffd}");
    let object: Value = serde_json::from_str(&objects.until(r#""type":"session""#)).unwrap();
    assert_eq!((&object["change"], &object["session"]["sessionId"]), (&"running".into(), &id.as_str().into()));

    let said = run(ann(&["pause"]), 0).await;
    assert_eq!(said, format!("paused \"Write\u{fffd}\" ({id})\n"));
    lines.until("paused   0:00:0");
    run(ann(&["start", "Read", "--id", "r1"]), 0).await;
    run(ann(&["start", "Read", "--id", "r2"]), 0).await;
    let said = run(ann(&["stop", "Read"]), 65).await;
    assert!(said.contains("r1  running") && said.contains("several timers have the label \"Read\""), "{said}");
    let said = run(ann(&["stop", "Walk"]), 65).await;
    assert_eq!(said, "there is no timer with the id or label \"Walk\"\n");
    run(ann(&["stop", "r1"]), 0).await;
    run(ann(&["stop", "Read"]), 0).await;
    run(ann(&["resume", &id]), 0).await;
    run(ann(&["remove", &id, "--json"]), 0).await;
    lines.until("removed");
    let object: Value = serde_json::from_str(&objects.until(r#""change":"removed""#)).unwrap();
    assert_eq!(object["session"]["sessionId"], id.as_str());
    lines.interrupt();
    objects.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_is_wrong() {
    let tokens = format!("{TOKEN}=ann");
    let settings = [
        ("mode", "production"),
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", "a secret of sixteen bytes"),
        ("auth.tokens", &tokens),
        ("auth.first_message_within", "1s"),
        ("socketio.anonymous", "false"),
    ];
    let node = Node::start_with(&settings).await;
    let (url, nobody) = (url(&node), format!("http://127.0.0.1:{}", free_port()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let file = file.to_string_lossy();
    let long = "x".repeat(501);
    for (arguments, code, text) in [
        (&["stop", "--url", &url][..], 2, "the command needs a user"),
        (&["watch", "--url", "timers", "--user", "ann"], 2, "the address `timers` is invalid"),
        (&["watch", "--url", &url, "--token-file", "missing"], 66, "missing: No such file"),
        (&["watch", "--url", &nobody, "--user", "ann"], 69, "the server cannot be reached"),
        (&["watch", "--url", &url, "--user", "ann"], 77, "the server refuses the client: 4401"),
        (&["room", "r", "--url", &url], 77, "the server refuses the client: 4401"),
        (&["start", &long, "--url", &url, "--token-file", &file], 65, "label"),
        (&["room", "r", "--url", &url, "--token-file", &file], 65, "there is no such room"),
        (&["room", "r", "--minutes", "5", "--url", &url], 2, "--minutes is the duration of a new room, or of a start"),
        (&["room", "new", "--minutes", "-5", "--url", &url], 2, "it must be above 0"),
    ] {
        let said = run(tickcast(arguments), code).await;
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
    let mut command = tickcast(&["start", "Write"]);
    command.env("TICKCAST_URL", &url).env("TICKCAST_TOKEN", TOKEN);
    assert!(run(command, 0).await.starts_with("started \"Write\" (session-"));
    let mut command = tickcast(&["watch"]);
    command.env("TICKCAST_URL", format!("{url}/below")).env("TICKCAST_TOKEN", TOKEN);
    let said = run(command, 69).await;
    assert!(said.contains("/below: the server answered the handshake with 404: the path may be wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_verified_against_the_certificates_of_the_system_or_a_file() {
    let (node, certificates) = (Node::start().await, Certificates::make());
    let front = TlsFront::start(node.public, &certificates);
    let url = format!("https://localhost:{}", front.port());
    let start = || tickcast(&["start", "Write", "--user", "ann", "--url", &url]);
    assert!(run(start(), 69).await.contains("TLS: invalid peer certificate"));
    let mut with_file = start();
    with_file.arg("--ca-file").arg(certificates.authority());
    run(with_file, 0).await;
    let mut with_system = start();
    with_system.env("SSL_CERT_FILE", certificates.authority());
    run(with_system, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_created_shown_and_controlled() {
    let node = Node::start().await;
    let url = url(&node);
    let create =
        ["room", "new", "--minutes", "0.1", "--name", "Ann", "--start", "--ticks", "--until-zero", "--url", &url];
    let mut host = Following::start(tickcast(&create));
    let line = host.until("room ");
    let id = line.trim().strip_prefix("room ").unwrap();
    host.until("running  0:00:05");
    let mut guest = Following::start(tickcast(&["room", id, "--json", "--url", &url]));
    let countdown: Value = serde_json::from_str(&guest.until(r#""type":"countdown""#)).unwrap();
    assert_eq!(
        (&countdown["phase"], &countdown["duration"], &countdown["members"]),
        (&"running".into(), &6.into(), &2.into())
    );
    host.until("joined   User 1");
    let said = run(tickcast(&["room", id, "pause", "--url", &url]), 0).await;
    assert!(said.starts_with("paused   0:00:0"), "{said}");
    guest.until(r#""phase":"paused""#);
    run(tickcast(&["room", id, "resume", "--url", &url]), 0).await;
    guest.interrupt();
    host.until("left     User 1");
    host.until("complete 0:00:00");
    assert_eq!(host.child.wait().unwrap().code(), Some(0));
}

/// Reads a terminal until it shows a text.
fn read_until(terminal: &mut File, text: &str) -> String {
    let (mut shown, mut part) = (String::new(), [0; 4096]);
    let end = Instant::now() + DEADLINE;
    while !shown.contains(text) {
        assert!(Instant::now() < end, "no `{text}` in: {shown:?}");
        let count = terminal.read(&mut part).unwrap();
        shown.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_picture_that_is_redrawn_and_gets_its_cursor_back() {
    let node = Node::start().await;
    let url = url(&node);
    run(tickcast(&["start", "Write", "--url", &url, "--user", "ann"]), 0).await;
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(path).unwrap();
    let mut command = tickcast(&["watch", "--url", &url, "--user", "ann"]);
    let mut child = command.stdout(terminal.try_clone().unwrap()).spawn().unwrap();
    let mut controller = File::from(controller);
    let shown = read_until(&mut controller, "0:00:02  running  Write");
    assert!(shown.contains("\u{1b}[?25l") && shown.contains("online · live") && shown.contains("\u{1b}[1A\r\u{1b}[J"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    read_until(&mut controller, "\u{1b}[?25h");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
