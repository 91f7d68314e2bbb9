//! The examples of the library.

use std::path::PathBuf;
use std::process::Command;

use harness::Node;

/// Returns the path of an example that `cargo test` has built.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{} was not built: run cargo test without a target filter", program.display());
    program
}

/// Runs an example.
async fn run_example(name: &str, node: &Node) -> String {
    let program = example(name);
    let url = format!("http://127.0.0.1:{}", node.public);
    let mut command = Command::new(program);
    command.env("TICKCAST_URL", url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_examples_run() {
    let node = Node::start().await;
    let (stopwatch, countdown) = tokio::join!(run_example("stopwatch", &node), run_example("countdown", &node));
    let expected = "Phase(Running): Write the report\n1 s\n2 s\nPhase(Stopped): Write the report\n";
    assert_eq!(stopwatch, expected);
    assert!(
        countdown.ends_with("3 s\n2 s\n1 s\ncomplete\n") || countdown.ends_with("1 s\n0 s\ncomplete\n"),
        "{countdown}"
    );
}
