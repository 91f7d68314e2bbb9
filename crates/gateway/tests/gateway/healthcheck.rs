//! `tickcast healthcheck`, as a container engine runs it beside a node.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Node, RedisServer, binary, free_port, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::configuration::run;

/// Runs `tickcast healthcheck` with further arguments and returns its exit code and output.
fn healthcheck(arguments: &[&str], environment: &[(&str, &str)], file: &str) -> (i32, String) {
    let (output, text) = run(&[&["healthcheck"], arguments].concat(), environment, file);
    (output.status.code().expect("the process exits by itself"), text)
}

/// Asks a node whose internal port is in the environment, as in the container of the node.
fn ask(node: &Node, arguments: &[&str]) -> (i32, String) {
    healthcheck(arguments, &[("TICKCAST__INTERNAL__LISTEN", &format!("127.0.0.1:{}", node.internal))], "")
}

#[tokio::test]
async fn a_running_node_is_alive_and_ready() {
    let node = Node::start().await;
    let port = node.internal;
    assert_eq!(ask(&node, &[]), (0, format!("http://127.0.0.1:{port}/livez: 200 OK\n")));
    assert_eq!(ask(&node, &["--ready"]), (0, format!("http://127.0.0.1:{port}/readyz: 200 OK\n")));
    assert_eq!(healthcheck(&["--ready", "--url", &format!("http://localhost:{port}")], &[], "").0, 0);
}

#[tokio::test]
async fn the_address_comes_from_the_configuration_of_the_node() {
    let node = Node::start().await;
    let file = format!("[internal]\nlisten = \"0.0.0.0:{}\"\n", node.internal);
    assert_eq!(healthcheck(&[], &[], &file), (0, format!("http://127.0.0.1:{}/livez: 200 OK\n", node.internal)));
    let other = free_port();
    let wrong = format!("internal.listen=127.0.0.1:{other}");
    assert_eq!(healthcheck(&["--set", &wrong], &[], &file).0, 1, "a flag has precedence over the file");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elsewhere.toml");
    fs::write(&path, &file).unwrap();
    assert_eq!(healthcheck(&["--config", path.to_str().unwrap()], &[], "").0, 0);
}

#[tokio::test]
async fn a_node_on_ipv6_is_asked_by_ipv6() {
    let port = free_port();
    let _node = Node::launch(&[("internal.listen", &format!("[::]:{port}"))]);
    let configured = [("TICKCAST__INTERNAL__LISTEN", &*format!("[::]:{port}"))];
    wait_until("the node is ready", async || healthcheck(&["--ready"], &configured, "").0 == 0).await;
    assert_eq!(healthcheck(&[], &configured, ""), (0, format!("http://[::1]:{port}/livez: 200 OK\n")));
    assert_eq!(healthcheck(&["--url", &format!("http://[::1]:{port}")], &[], "").0, 0);
}

#[tokio::test]
async fn a_node_without_its_store_is_alive_but_not_ready_and_the_reason_is_shown() {
    let mut redis = RedisServer::start();
    let node = Node::start_over(&redis, "a").await;
    assert_eq!(ask(&node, &["--ready"]).0, 0);
    redis.kill();
    wait_until("the node is not ready", async || node.get_internal("/readyz").await.status == 503).await;
    // The reason changes while the node tries to connect again.
    wait_until("the reason of the node is shown", async || {
        let why = node.get_internal("/readyz").await.json()["why"].as_str().unwrap().to_owned();
        let (code, text) = ask(&node, &["--ready"]);
        assert!(code == 1 && text.contains("/readyz: 503 Service Unavailable: "), "{text}");
        text.contains(&why)
    })
    .await;
    assert_eq!(ask(&node, &[]).0, 0);
}

#[test]
fn a_node_that_does_not_run_is_not_healthy() {
    let port = free_port();
    let (code, text) = healthcheck(&["--url", &format!("http://127.0.0.1:{port}")], &[], "");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&format!("http://127.0.0.1:{port}/livez: ")) && text.contains("refused"), "{text}");
}

#[test]
fn a_node_that_does_not_answer_in_time_is_not_healthy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let began = Instant::now();
    let (code, text) = healthcheck(&["--url", &url, "--timeout", "300ms"], &[], "");
    assert_eq!((code, text), (1, format!("{url}/livez: no answer within 300ms\n")));
    assert!(began.elapsed() >= Duration::from_millis(300));
    let (code, text) = healthcheck(&["--url", &url, "--ready"], &[], "");
    assert_eq!((code, text), (1, format!("{url}/readyz: no answer within 2s\n")));
}

#[tokio::test]
async fn another_program_on_the_port_is_not_healthy() {
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answers = tokio::spawn(async move {
        for answer in ["204 No Content\r\n\r\n", "404 Not Found\r\ncontent-length: 9\r\n\r\nno livez\n"] {
            let (mut stream, _) = other.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await.unwrap();
        }
    });
    for expected in ["204 No Content", "404 Not Found: no livez"] {
        let url = url.clone();
        let ask = move || (healthcheck(&["--url", &url], &[], ""), url);
        let (outcome, url) = tokio::task::spawn_blocking(ask).await.unwrap();
        assert_eq!(outcome, (1, format!("{url}/livez: {expected}\n")));
    }
    answers.await.unwrap();
}

#[tokio::test]
async fn a_wrong_configuration_is_reported_unless_a_url_is_given() {
    let node = Node::start().await;
    let wrong = "[internal]\nlisten = \"nowhere\"\n";
    let (code, text) = healthcheck(&[], &[], wrong);
    assert!(code == 78 && text.contains("internal.listen is \"nowhere\""), "{code}: {text}");
    let (code, text) = healthcheck(&[], &[], "[internal]\nlisten = \"127.0.0.1:0\"\n");
    assert!(code == 78 && text.contains("internal.listen has port 0"), "{code}: {text}");
    assert_eq!(healthcheck(&["--url", &format!("http://127.0.0.1:{}", node.internal)], &[], wrong).0, 0);
    for (wrong, reason) in [
        (["--url", "localhost:9000"], "must be http://HOST[:PORT]"),
        (["--timeout", "soon"], "must be a duration"),
        (["--timeout", "0s"], "must be longer than 0s"),
    ] {
        let (code, text) = healthcheck(&wrong, &[], "");
        assert!(code == 2 && text.contains(reason), "{code}: {text}");
    }
}

#[tokio::test]
async fn nothing_is_written() {
    let node = Node::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{}", node.internal));
    command.args(["healthcheck", "--ready"]).current_dir(folder.path());
    assert!(command.output().unwrap().status.success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
