//! An OpenTelemetry collector in this process, over gRPC and HTTP, which keeps all data.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status};

use crate::DEADLINE;

/// Interval at which spans are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A received span.
#[derive(Clone, Debug)]
pub struct ExportedSpan {
    /// The attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// The trace id, in hexadecimal digits.
    pub trace: String,
    /// The span id.
    pub span: String,
    /// The id of the parent; empty if it has none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its kind, as OTLP numbers them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Whether its status is an error.
    pub failed: bool,
    /// The attributes.
    pub attributes: BTreeMap<String, String>,
    /// The ids of linked spans.
    pub links: Vec<String>,
    /// The events: name and attributes.
    pub events: Vec<(String, BTreeMap<String, String>)>,
    /// Start and end, in nanoseconds since 1970.
    pub interval: (u64, u64),
}

impl ExportedSpan {
    /// Returns the node that sent it.
    pub fn node(&self) -> &str {
        &self.resource["service.instance.id"]
    }
}

#[derive(Default)]
struct Received {
    spans: Vec<ExportedSpan>,
    metrics: BTreeMap<String, usize>,
    /// The values of the header `authorization` of each request for spans.
    authorizations: Vec<Vec<String>>,
}

type Shared = Arc<Mutex<Received>>;

/// A collector.
pub struct Collector {
    /// The port for gRPC.
    pub grpc: u16,
    /// The port for HTTP.
    pub http: u16,
    received: Shared,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Collector {
    /// Starts the collector.
    pub async fn start() -> Self {
        let received = Shared::default();
        let [grpc_listener, http_listener] =
            [TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await];
        let (grpc_listener, http_listener) = (grpc_listener.unwrap(), http_listener.unwrap());
        let (grpc, http) = (grpc_listener.local_addr().unwrap().port(), http_listener.local_addr().unwrap().port());
        let services = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(Service(Arc::clone(&received))))
            .add_service(MetricsServiceServer::new(Service(Arc::clone(&received))));
        let by_grpc = tokio::spawn(async move {
            services.serve_with_incoming(tonic::transport::server::TcpIncoming::from(grpc_listener)).await.unwrap();
        });
        let by_http = tokio::spawn(serve_http(http_listener, Arc::clone(&received)));
        Self { grpc, http, received, _tasks: [AbortOnDropHandle::new(by_grpc), AbortOnDropHandle::new(by_http)] }
    }

    /// Returns all spans received so far.
    pub fn spans(&self) -> Vec<ExportedSpan> {
        self.received.lock().unwrap().spans.clone()
    }

    /// Waits until the spans meet a condition, and returns all spans.
    pub async fn wait_for_spans(&self, what: &str, complete: impl Fn(&[ExportedSpan]) -> bool) -> Vec<ExportedSpan> {
        let end = Instant::now() + DEADLINE;
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        loop {
            let spans = self.spans();
            if complete(&spans) {
                return spans;
            }
            assert!(Instant::now() < end, "timed out waiting for {what} in {:#?}", self.names());
            poll.tick().await;
        }
    }

    /// Returns the names of all metrics received so far.
    pub fn metrics(&self) -> Vec<String> {
        self.received.lock().unwrap().metrics.keys().cloned().collect()
    }

    /// Returns the values of the header `authorization` of each request for spans received so far.
    pub fn authorizations(&self) -> Vec<Vec<String>> {
        self.received.lock().unwrap().authorizations.clone()
    }

    fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| format!("{} {}", span.node(), span.name)).collect()
    }
}

struct Service(Shared);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        record_authorization(&self.0, request.metadata().as_ref());
        record_spans(&self.0, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        record_metrics(&self.0, &request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn serve_http(listener: TcpListener, received: Shared) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            let service = service_fn(|request| handle_request(&received, request));
            http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await.ok();
        });
    }
}

async fn handle_request(
    received: &Shared,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/v1/traces" {
        record_authorization(received, request.headers());
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let answer = match path.as_str() {
        "/v1/traces" => {
            record_spans(received, ExportTraceServiceRequest::decode(body).unwrap());
            ExportTraceServiceResponse::default().encode_to_vec()
        }
        "/v1/metrics" => {
            record_metrics(received, &ExportMetricsServiceRequest::decode(body).unwrap());
            ExportMetricsServiceResponse::default().encode_to_vec()
        }
        _ => panic!("unexpected path {path}"),
    };
    let answer = hyper::Response::builder().header("content-type", "application/x-protobuf").body(answer.into());
    Ok(answer.unwrap())
}

fn record_authorization(received: &Shared, headers: &HeaderMap) {
    let values = headers.get_all("authorization").iter().map(|value| value.to_str().unwrap().to_owned());
    received.lock().unwrap().authorizations.push(values.collect());
}

fn record_spans(received: &Shared, request: ExportTraceServiceRequest) {
    let mut exported = Vec::new();
    for resource_data in request.resource_spans {
        let resource = attributes(&resource_data.resource.unwrap_or_default().attributes);
        for span in resource_data.scope_spans.into_iter().flat_map(|scope_data| scope_data.spans) {
            let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| {
                (event.name.clone(), attributes(&event.attributes))
            };
            exported.push(ExportedSpan {
                resource: resource.clone(),
                trace: hex(&span.trace_id),
                span: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: attributes(&span.attributes),
                links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
                events: span.events.iter().map(event).collect(),
                interval: (span.start_time_unix_nano, span.end_time_unix_nano),
            });
        }
    }
    received.lock().unwrap().spans.extend(exported);
}

fn record_metrics(received: &Shared, request: &ExportMetricsServiceRequest) {
    let scope_data = request.resource_metrics.iter().flat_map(|resource_data| &resource_data.scope_metrics);
    for metric in scope_data.flat_map(|scope_data| &scope_data.metrics) {
        *received.lock().unwrap().metrics.entry(metric.name.clone()).or_default() += 1;
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    all.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
