//! What the chart computes from values.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::chart::Chart;
use super::objects::{Object, find};

const HOOK: &str = "/spec/template/spec/containers/0/lifecycle/preStop/sleep/seconds";
const GRACE: &str = "/spec/template/spec/terminationGracePeriodSeconds";

pub(super) fn check(chart: &Chart) -> Result<()> {
    check_stopping(chart)?;
    check_configuration(chart)?;
    check_rollouts(chart)?;
    check_embedded(chart)?;
    check_addresses(chart)?;
    check_monitoring(chart)?;
    check_test_pod(chart)?;
    check_web_socket_paths(chart)
}

/// A pod has the time that its hook and its drain take. Older Kubernetes has no action `sleep`.
fn check_stopping(chart: &Chart) -> Result<()> {
    let stopping = |version: &str, changes: &[&str]| -> Result<(Value, Value)> {
        let objects = Object::parse_all(&chart.render_for(version, &chart.value_set("minimal"), changes)?)?;
        let deployment = deployment(&objects)?;
        let value = |pointer| deployment.pointer(pointer).cloned().unwrap_or_default();
        Ok((value(GRACE), value(HOOK)))
    };
    let drain = "config.drain={\"notice\":\"1m 30s\",\"grace\":\"1h500ms\"}";
    for (version, changes, seconds, hook) in [
        ("1.30", vec![], 2 + 5 + 25 + 30, json!(2)),
        ("1.29", vec![], 5 + 25 + 30, Value::Null),
        ("1.30", vec!["preStopSeconds=0"], 5 + 25 + 30, Value::Null),
        ("1.30", vec![drain], 2 + 90 + 3601 + 30, json!(2)),
    ] {
        let found = stopping(version, &changes)?;
        let expected = (json!(seconds), hook);
        ensure!(
            found == expected,
            "Kubernetes {version}, {changes:?}: the time to stop is {found:?}, not {expected:?}"
        );
    }
    Ok(())
}

/// The file has every kind of value as TOML writes it, and the chart's own keys.
fn check_configuration(chart: &Chart) -> Result<()> {
    let config = json!({
        "auth": { "guests": true, "issuers": { "acme": { "jwks_url": "https://a/?b=\"c\"&d" } } },
        "limits": { "history_bytes": 1_073_741_824u64, "addresses_exempt": ["127.0.0.0/8", "::1/128"] },
        "store": { "prefix": "timers" },
    });
    let changes: Vec<String> = ["auth.guests", "auth.issuers", "limits", "store"]
        .iter()
        .map(|key| {
            format!("config.{key}={}", config.pointer(&format!("/{}", key.replace('.', "/"))).unwrap_or(&Value::Null))
        })
        .collect();
    let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
    let file = configuration(&render(chart, "minimal", &changes)?)?;
    let parsed: Value = toml::from_str(&file).context("the chart renders a tickcast.toml that is not TOML")?;
    let expected = json!({
        "mode": "production",
        "auth": {
            "guests": true,
            "modes": ["jwt"],
            "issuers": { "acme": { "jwks_url": "https://a/?b=\"c\"&d" } },
            "jwt": { "secret_file": "/etc/tickcast/secrets/jwt/secret" },
        },
        "internal": { "listen": "0.0.0.0:9000" },
        "limits": { "history_bytes": 1_073_741_824u64, "addresses_exempt": ["127.0.0.0/8", "::1/128"] },
        "log": { "format": "json" },
        "public": { "listen": "0.0.0.0:4000", "origins": ["https://timers.example.com"] },
        "store": { "cluster_name": "timers.tickcast", "prefix": "timers", "url_file": "/etc/tickcast/secrets/redis/url" },
    });
    ensure!(parsed == expected, "tickcast.toml is\n{parsed:#}\ninstead of\n{expected:#}");
    Ok(())
}

/// A changed configuration or address restarts pods, and a Secret does not, because nodes read it again.
fn check_rollouts(chart: &Chart) -> Result<()> {
    let template = |base: &str, changes: &[&str]| -> Result<Value> {
        let objects = render(chart, base, changes)?;
        Ok(deployment(&objects)?["spec"]["template"].clone())
    };
    let minimal = template("minimal", &[])?;
    let configured = template("minimal", &["config.log.level=\"debug\""])?;
    let name = |template: &Value| template["spec"]["volumes"][0]["configMap"]["name"].clone();
    ensure!(name(&minimal) != name(&configured), "a changed configuration does not change the name of the ConfigMap");
    let checksum = |template: &Value| template["metadata"]["annotations"]["checksum/config"].clone();
    ensure!(checksum(&minimal) != checksum(&configured), "a changed configuration does not change the pods");
    let other = template("everything", &["redis.url=\"redis://another\""])?;
    ensure!(template("everything", &[])? != other, "a changed redis.url does not change the pods");
    let objects = render(chart, "everything", &["autoscaling.enabled=true"])?;
    ensure!(deployment(&objects)?["spec"]["replicas"].is_null(), "the Deployment competes with the autoscaler");
    Ok(())
}

fn check_embedded(chart: &Chart) -> Result<()> {
    let objects = render(chart, "embedded", &[])?;
    let spec = &deployment(&objects)?["spec"];
    ensure!(spec["strategy"] == json!({ "type": "Recreate" }), "the strategy is {}", spec["strategy"]);
    ensure!(spec["replicas"] == 1, "there are {} nodes", spec["replicas"]);
    let claim = find(&objects, "PersistentVolumeClaim", "tickcast-data").context("there is no claim")?;
    ensure!(claim.0["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep", "an uninstall deletes the claim");
    let absent = ["PodDisruptionBudget", "HorizontalPodAutoscaler"];
    let found = objects.iter().find(|object| absent.contains(&object.kind()));
    ensure!(found.is_none(), "a single node has a {}, which would block every drain", found.map_or("", Object::kind));
    Ok(())
}

fn check_addresses(chart: &Chart) -> Result<()> {
    let file = configuration(&render(chart, "dual-stack", &[])?)?;
    ensure!(file.contains("listen = \"[::]:4000\"") && file.contains("listen = \"[::]:9000\""), "{file}");
    let file = configuration(&render(chart, "dual-stack", &["listen.host=\"[fd00::7]\""])?)?;
    ensure!(file.contains("listen = \"[fd00::7]:4000\""), "{file}");
    Ok(())
}

fn check_monitoring(chart: &Chart) -> Result<()> {
    let objects = render(chart, "everything", &["monitoring.job=\"blue\""])?;
    let rule = find(&objects, "PrometheusRule", "tickcast").context("there is no PrometheusRule")?.0.to_string();
    ensure!(rule.contains(r#"job=\"blue\""#) && !rule.contains(r#"job=\"tickcast\""#), "alerts select another job");
    let rules = rule.matches("\"severity\":").count();
    let labelled = rule.matches("\"team\":\"timers\"").count() - 1;
    ensure!(rules > 0 && labelled == rules, "{labelled} of {rules} alerts have the additional labels");
    Ok(())
}

/// A policy that names the clients admits the pod of `helm test` too.
fn check_test_pod(chart: &Chart) -> Result<()> {
    let objects = render(chart, "everything", &[])?;
    let pod = &find(&objects, "Pod", "tickcast-smoke-test").context("there is no test")?.0;
    let policy = &find(&objects, "NetworkPolicy", "tickcast").context("there is no NetworkPolicy")?.0;
    let peers = policy["spec"]["ingress"][0]["from"].as_array().context("the policy admits all clients")?;
    let labels = pod["metadata"]["labels"].as_object().context("the pod has no labels")?;
    let admits = |peer: &Value| {
        let selector = peer["podSelector"]["matchLabels"].as_object();
        selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    };
    ensure!(peers.iter().any(admits), "the NetworkPolicy does not admit the pod of `helm test`");
    Ok(())
}

/// The route has the WebSockets that the configuration of nginx has.
fn check_web_socket_paths(chart: &Chart) -> Result<()> {
    let objects = render(chart, "everything", &[])?;
    let route = &find(&objects, "HTTPRoute", "tickcast").context("there is no HTTPRoute")?.0;
    let matches = route["spec"]["rules"][1]["matches"].as_array().context("the second rule matches nothing")?;
    let paths: Vec<&str> = matches.iter().filter_map(|of| of["path"]["value"].as_str()?.strip_prefix('/')).collect();
    let location = format!("location ~ ^/({})$", paths.join("|"));
    let nginx = fs::read_to_string(chart.folder().join("../../deploy/nginx/nginx.conf"))?;
    ensure!(nginx.contains(&location), "deploy/nginx/nginx.conf has no `{location}`, the paths of the HTTPRoute");
    Ok(())
}

fn render(chart: &Chart, base: &str, changes: &[&str]) -> Result<Vec<Object>> {
    Object::parse_all(&chart.render(&chart.value_set(base), changes)?)
}

fn deployment(objects: &[Object]) -> Result<&Value> {
    find(objects, "Deployment", "tickcast").map(|object| &object.0).context("there is no Deployment")
}

fn configuration(objects: &[Object]) -> Result<String> {
    let files = objects.iter().filter_map(|object| object.0["data"]["tickcast.toml"].as_str());
    files.map(str::to_owned).next().context("there is no tickcast.toml")
}
