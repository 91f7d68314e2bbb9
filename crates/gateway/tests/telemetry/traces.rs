//! One trace from a client's message through Redis to every node that shows it.

use harness::{Client, Collector, ExportedSpan, Node, RedisServer, SocketIo};
use serde_json::json;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn traceparent(sampled: bool) -> String {
    format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled))
}

/// Returns the environment for an immediate export to a collector, by gRPC or HTTP.
fn environment(collector: &Collector, grpc: bool) -> Vec<(&'static str, String)> {
    let (protocol, port) = if grpc { ("grpc", collector.grpc) } else { ("http/protobuf", collector.http) };
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()),
    ]
}

async fn node(
    redis: &RedisServer,
    name: &str,
    environment: &[(&'static str, String)],
    more: &[(&'static str, &str)],
    settings: &[(&str, &str)],
) -> Node {
    let url = redis.url();
    let settings = [&[("store.url", url.as_str()), ("node.id", name)], settings].concat();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut node = Node::launch_in(&settings, &[&environment, more].concat());
    node.is_ready().await;
    node
}

async fn ann(node: &Node) -> Client {
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.next_of("ready").await;
    client
}

/// Starts a session as a client, within a trace of its own.
async fn start(client: &mut Client, id: &str, traceparent: &str) {
    let message = json!({
        "type": "session-start", "id": id, "payload": { "sessionId": id, "label": "x" }, "traceparent": traceparent,
    });
    client.say(&message.to_string()).await;
    client.next_of("ack").await;
}

fn one<'s>(spans: &'s [ExportedSpan], node: &str, name: &str) -> &'s ExportedSpan {
    let mut found = spans.iter().filter(|span| span.node() == node && span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} of {node} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} of {node} twice in {spans:#?}");
    span
}

fn of_trace(spans: &[ExportedSpan], trace: &str) -> Vec<ExportedSpan> {
    spans.iter().filter(|span| span.trace == trace).cloned().collect()
}

fn has(span: &ExportedSpan, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        assert_eq!(span.attributes.get(*name).map(String::as_str), Some(*value), "{name} of {span:#?}");
    }
}

async fn the_whole_trace_is_exported(grpc: bool) {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let environment = environment(&collector, grpc);
    let nodes = [node(&redis, "a", &environment, &[], &[]).await, node(&redis, "b", &environment, &[], &[]).await];
    let (mut here, mut there) = (ann(&nodes[0]).await, ann(&nodes[1]).await);
    start(&mut here, "s", &traceparent(true)).await;
    there.next_of("session-update").await;
    let is_there = |spans: &[ExportedSpan]| {
        let names = of_trace(spans, TRACE).into_iter().map(|span| span.name);
        let names: Vec<String> = names.collect();
        let is_named = |name: &str| names.iter().filter(|known| *known == name).count();
        is_named("message stopwatch.start") == 1 && is_named("execute") == 1 && is_named("fan_out") == 2
    };
    let spans = of_trace(&collector.wait_for_spans("the trace", is_there).await, TRACE);

    let message = one(&spans, "a", "message stopwatch.start");
    assert_eq!((message.parent.as_str(), message.kind, message.failed), (SPAN, 2, false));
    has(message, &[("tickcast.dialect", "clockit.v1"), ("tickcast.command", "stopwatch.start")]);
    assert_eq!(message.resource["service.name"], "tickcast");
    let execute = one(&spans, "a", "execute");
    assert_eq!((&execute.parent, execute.kind), (&message.span, 1));
    has(execute, &[("tickcast.outcome", "changed"), ("tickcast.scope.kind", "user")]);
    // A second may begin between decision and commit; then the command is decided again.
    let commit = spans.iter().rfind(|span| span.name == "EVALSHA commit").expect("a commit");
    assert_eq!((&commit.parent, commit.kind), (&execute.span, 3));
    let port = redis.port().to_string();
    has(
        commit,
        &[
            ("db.system.name", "redis"),
            ("db.operation.name", "EVALSHA"),
            ("db.stored_procedure.name", "commit"),
            ("db.namespace", "0"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
        ],
    );
    for node in ["a", "b"] {
        let fan_out = one(&spans, node, "fan_out");
        assert_eq!((&fan_out.parent, fan_out.kind), (&message.span, 5));
        assert_eq!(fan_out.links, [message.span.as_str()]);
        has(
            fan_out,
            &[
                ("tickcast.fan_out.sockets", "1"),
                ("tickcast.fan_out.missed", "0"),
                ("tickcast.fan_out.superseded", "false"),
            ],
        );
        assert!(fan_out.attributes["tickcast.fan_out.bytes"].parse::<u64>().unwrap() > 50);
        assert!(fan_out.interval.0 >= commit.interval.0);
    }

    // No personal data is exported.
    assert!(!format!("{:?}", collector.spans()).contains("ann"));
    let has_metrics = |_: &[ExportedSpan]| collector.metrics().iter().any(|name| name == "tickcast.commits");
    collector.wait_for_spans("metrics", has_metrics).await;
}

#[tokio::test]
async fn the_whole_trace_is_exported_over_two_nodes_by_grpc() {
    the_whole_trace_is_exported(true).await;
}

#[tokio::test]
async fn the_whole_trace_is_exported_over_two_nodes_by_http() {
    the_whole_trace_is_exported(false).await;
}

#[tokio::test]
async fn a_fan_out_can_be_a_separate_linked_trace() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[("traces.fan_out", "link")]).await;
    start(&mut ann(&node).await, "s", &traceparent(true)).await;
    let is_there = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "fan_out");
    let spans = collector.wait_for_spans("a fan-out", is_there).await;
    let (message, fan_out) = (one(&spans, "a", "message stopwatch.start"), one(&spans, "a", "fan_out"));
    assert_eq!((fan_out.parent.as_str(), &fan_out.links), ("", &vec![message.span.clone()]));
    assert_ne!(fan_out.trace, TRACE);
}

#[tokio::test]
async fn a_connect_is_traced_and_later_messages_are_linked_to_it() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[]).await;
    let parent = traceparent(true);
    let headers = [("traceparent", parent.as_str())];
    let mut client = Client::connect_with(node.public, "/session?userId=ann&dialect=v1", &headers).await;
    client.next_of("ready").await;
    client.must("session-start", "s", json!({ "label": "x" })).await;
    let is_there = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "message stopwatch.start");
    let spans = collector.wait_for_spans("a message", is_there).await;
    let request = one(&spans, "a", "GET /session");
    assert_eq!((request.trace.as_str(), request.parent.as_str(), request.kind), (TRACE, SPAN, 2));
    has(request, &[("http.request.method", "GET"), ("http.route", "/session"), ("http.response.status_code", "101")]);
    let (found, connect) = (one(&spans, "a", "authenticate"), one(&spans, "a", "connect"));
    assert_eq!((&found.parent, &connect.parent), (&request.span, &request.span));
    let of_connect: Vec<&str> =
        spans.iter().filter(|span| span.parent == connect.span).map(|span| span.name.as_str()).collect();
    assert_eq!(of_connect, ["watch", "PIPELINE"]);
    let message = one(&spans, "a", "message stopwatch.start");
    assert_ne!(message.trace, TRACE, "a connection lives longer than a trace");
    assert_eq!(message.links, [connect.span.as_str()]);
}

#[tokio::test]
async fn rooms_and_deadlines_are_traced() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[]).await;
    let (mut host, _) = SocketIo::host(node.public).await;
    host.must("timer:start", json!({ "duration": 1, "traceparent": traceparent(true) })).await;
    host.next_of("timer:completed").await;
    let is_there = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "deadline");
    let spans = collector.wait_for_spans("a deadline", is_there).await;
    let (connect, message) = (one(&spans, "a", "connect"), one(&spans, "a", "message timer:start"));
    assert_eq!(
        (message.trace.as_str(), message.parent.as_str(), &message.links),
        (TRACE, SPAN, &vec![connect.span.clone()])
    );
    let deadline = one(&spans, "a", "deadline");
    assert_eq!((deadline.parent.as_str(), deadline.links.len()), ("", 0));
    has(deadline, &[("tickcast.scope.kind", "room")]);
    let spans = of_trace(&collector.spans(), &deadline.trace);
    let execute = one(&spans, "a", "execute");
    assert_eq!(execute.parent, deadline.span);
    has(execute, &[("tickcast.command", "settle"), ("tickcast.outcome", "changed")]);
    assert_eq!(one(&spans, "a", "fan_out").links, [deadline.span.as_str()]);
}

#[tokio::test]
async fn retries_are_events_and_store_faults_are_errors() {
    let (mut redis, collector) = (RedisServer::start(), Collector::start().await);
    let environment = environment(&collector, false);
    let nodes = [node(&redis, "a", &environment, &[], &[]).await, node(&redis, "b", &environment, &[], &[]).await];
    let mut clients = [ann(&nodes[0]).await, ann(&nodes[1]).await];
    let is_rivalled = |spans: &[ExportedSpan]| {
        let mut events = spans.iter().filter(|span| span.name == "execute").flat_map(|span| &span.events);
        events.any(|(name, attributes)| name == "retry" && attributes["cause"] == "rival")
    };
    for nth in 0.. {
        let (ids, parent) = ([format!("s{nth}"), format!("t{nth}")], traceparent(true));
        let [one, two] = &mut clients;
        tokio::join!(start(one, &ids[0], &parent), start(two, &ids[1], &parent));
        if is_rivalled(&collector.spans()) {
            break;
        }
        assert!(nth < 60, "no two commands met");
    }
    redis.kill();
    let [one, _] = &mut clients;
    one.ask("session-stop", Some("x"), json!({ "sessionId": "s0" })).await;
    // The command may have been sent before the loss of the link was noticed.
    let code = one.next_of("error").await["payload"]["code"].clone();
    let outcome = if code == "unavailable" { "unavailable" } else { "unknown" };
    let has_failed = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "execute" && span.failed);
    let spans = collector.wait_for_spans("a failure", has_failed).await;
    let failed = spans.iter().find(|span| span.name == "execute" && span.failed).unwrap();
    has(failed, &[("tickcast.outcome", outcome)]);
    let mut causes = failed.events.iter().filter(|(name, _)| name == "retry").map(|(_, event)| event["cause"].as_str());
    assert!(causes.any(|cause| ["unavailable", "silent"].contains(&cause)), "{:#?}", of_trace(&spans, &failed.trace));
}

#[tokio::test]
async fn a_reload_is_traced_with_its_cause() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[]).await;
    let mut client = ann(&node).await;
    start(&mut client, "s", &traceparent(false)).await;
    let boards = redis.replies(&[vec!["KEYS", "*board:user:ann"]]).unwrap();
    redis.command(&["HSET", boards[0].texts()[0], "@tag", "77"]).unwrap();
    let is_there = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "reload");
    let spans = collector.wait_for_spans("a reload", is_there).await;
    let reload = one(&spans, "a", "reload");
    has(reload, &[("tickcast.cause", "position"), ("tickcast.scope.kind", "user")]);
    assert!(spans.iter().any(|span| span.name == "PIPELINE" && span.parent == reload.span));
    assert_eq!(node.metrics().await.must("tickcast_resyncs_total", &[("cause", "position")]), 1.0);
}

#[tokio::test]
async fn unsampled_messages_are_not_traced_and_clients_decide_only_for_parent_based_samplers() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let environment = environment(&collector, false);
    let off = [("OTEL_TRACES_SAMPLER", "parentbased_always_off")];
    let deaf = [("OTEL_TRACES_SAMPLER", "always_off")];
    let asking = node(&redis, "asking", &environment, &off, &[]).await;
    let deaf = node(&redis, "deaf", &environment, &deaf, &[]).await;
    let (mut one, mut two) = (ann(&asking).await, ann(&deaf).await);
    one.must("session-start", "a", json!({ "label": "x" })).await;
    start(&mut one, "b", &traceparent(false)).await;
    start(&mut two, "c", &traceparent(true)).await;
    start(&mut two, "d", "nonsense").await;
    start(&mut one, "e", &traceparent(true)).await;
    let is_message = |span: &&ExportedSpan| span.name.starts_with("message");
    let is_there = |spans: &[ExportedSpan]| {
        let fan_outs = spans.iter().filter(|span| span.name == "fan_out").count();
        fan_outs >= 2 && spans.iter().any(|span| is_message(&span))
    };
    let spans = collector.wait_for_spans("the last message", is_there).await;
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    assert!(spans.iter().filter(is_message).all(|span| span.node() == "asking"));
    // A traced change is traced on every node that shows it.
    one_fan_out_each(&spans, &["asking", "deaf"]);
}

fn one_fan_out_each(spans: &[ExportedSpan], nodes: &[&str]) {
    for node in nodes {
        one(spans, node, "fan_out");
    }
}

#[tokio::test]
async fn joining_and_leaving_clients_are_counted_in_a_fan_out() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[]).await;
    let (mut host, room) = SocketIo::host(node.public).await;
    let (mut guest, _) = SocketIo::guest(node.public, &room).await;
    host.next_of("session:user-joined").await;
    guest.must("session:leave", json!(null)).await;
    host.next_of("session:user-left").await;
    let is_there = |spans: &[ExportedSpan]| spans.iter().filter(|span| span.name == "fan_out").count() >= 3;
    let spans = collector.wait_for_spans("who comes and goes", is_there).await;
    for fan_out in spans.iter().filter(|span| span.name == "fan_out") {
        // The span ends before its time limit, so it does not wait for a client that has left.
        has(fan_out, &[("tickcast.fan_out.missed", "0")]);
    }
}

#[tokio::test]
async fn imports_are_traced_and_measured() {
    let (redis, collector) = (RedisServer::start(), Collector::start().await);
    let node = node(&redis, "a", &environment(&collector, false), &[], &[]).await;
    let body =
        json!({ "sessions": [{ "startedIso": "2026-01-01T10:00:07.000Z", "endedIso": "2026-01-01T12:00:07.000Z" }] });
    let headers = [("content-type", "application/json")];
    let answer = node.http("POST", "/ingestCsv?userId=ann", &headers, body.to_string().as_bytes()).await;
    let is_there = |spans: &[ExportedSpan]| spans.iter().any(|span| span.name == "POST /ingestCsv");
    let spans = collector.wait_for_spans("a request", is_there).await;
    let request = one(&spans, "a", "POST /ingestCsv");
    has(request, &[("http.response.status_code", &answer.status.to_string())]);
    let execute = one(&spans, "a", "execute");
    assert_eq!((&execute.parent, answer.status), (&request.span, 200), "{}", answer.body);
    let commands = node.metrics().await;
    assert_eq!(commands.must("tickcast_command_duration_seconds_count", &[("outcome", "changed")]), 1.0);
}
