//! Values that the chart refuses, and the sentence that names what is wrong.

use std::process::Stdio;

use anyhow::{Result, ensure};

use super::chart::{Chart, DEFAULT};

/// A refusal, whether by the schema or by a template.
struct Refusal {
    /// The set of values that is changed.
    base: &'static str,
    changes: &'static [&'static str],
    /// Whether only the template is asked, as by `--skip-schema-validation`.
    template_only: bool,
    sentence: &'static str,
}

const fn by_schema(base: &'static str, changes: &'static [&'static str], sentence: &'static str) -> Refusal {
    Refusal { base, changes, template_only: false, sentence }
}

const fn by_template(base: &'static str, changes: &'static [&'static str], sentence: &'static str) -> Refusal {
    Refusal { base, changes, template_only: true, sentence }
}

const REFUSALS: &[Refusal] = &[
    by_schema("minimal", &["replicas=2"], "additional properties 'replicas' not allowed"),
    by_schema("minimal", &["image.name=\"x\""], "additional properties 'name' not allowed"),
    by_schema("minimal", &["config.limits.conections=1"], "additional properties 'conections' not allowed"),
    by_schema("minimal", &["config.auth.jwt.secret=\"s\""], "additional properties 'secret' not allowed"),
    by_schema("minimal", &["config.store.url=\"redis://r\""], "additional properties 'url' not allowed"),
    by_schema("minimal", &["config.node.id=\"n\""], "additional properties 'node' not allowed"),
    by_schema("minimal", &["config.mode=\"development\""], "at '/config/mode': value must be 'production'"),
    by_schema("minimal", &["config.limits.connections=\"many\""], "at '/config/limits/connections': got string"),
    by_schema(DEFAULT, &[], "at '/config': missing properties 'auth', 'public'"),
    by_schema("minimal", &["config.auth.modes=[\"trusted\"]"], "at '/config/auth/modes/0': value must be one of 'jwt'"),
    by_schema("minimal", &["secretFiles.jwt={}"], "missing property 'secretName'"),
    by_schema("minimal", &["replicaCount=0"], "at '/replicaCount': minimum: got 0, want 1"),
    by_schema("embedded", &["replicaCount=2"], "at '/replicaCount': maximum: got 2, want 1"),
    by_schema("embedded", &["autoscaling.enabled=true"], "at '/autoscaling/enabled': value must be false"),
    by_template("embedded", &["replicaCount=2"], "replicaCount is 2, but embedded.enabled permits one node"),
    by_template(
        "embedded",
        &["autoscaling.enabled=true"],
        "autoscaling.enabled and embedded.enabled exclude each other",
    ),
    by_template(DEFAULT, &["redis.existingSecret=\"r\""], "config.public.origins is required"),
    by_template("minimal", &["config.auth.modes=[]"], "config.auth.modes is required"),
    by_template("minimal", &["config.auth.modes=[\"trusted\"]"], "config.auth.modes must not contain trusted"),
    by_template("minimal", &["redis.existingSecret=\"\""], "there is no store"),
    by_template(
        "minimal",
        &["redis.trial.enabled=true"],
        "redis.existingSecret and redis.trial.enabled exclude each other",
    ),
    by_template(
        "minimal",
        &["redis.existingSecret=\"\"", "redis.url=\"redis:6379\""],
        "redis.url must begin with redis://",
    ),
    by_template(
        "minimal",
        &["config.auth.jwt.secret_file=\"/etc/tickcast/secrets/other/secret\""],
        "secretFiles has no other: set secretFiles.other.secretName",
    ),
    by_template(
        "minimal",
        &["secretFiles.redis.secretName=\"s\""],
        "secretFiles.redis: the chart itself uses this name",
    ),
    by_template(
        "minimal",
        &["config.drain.notice=\"5 parsecs\""],
        "config.drain.notice is \"5 parsecs\": write a duration",
    ),
    by_template("minimal", &["config.drain.grace=\"-5s\""], "config.drain.grace is \"-5s\": write a duration"),
    by_template("minimal", &["config.drain.grace=25"], "config.drain.grace is \"25\": write a duration"),
    by_template("minimal", &["ingress.enabled=true"], "ingress.enabled requires config.public.proxy.networks"),
    by_template("minimal", &["httpRoute.enabled=true"], "httpRoute.enabled requires config.public.proxy.networks"),
    by_template("everything", &["ingress.hosts=[]"], "ingress.enabled requires ingress.hosts"),
    by_template("everything", &["httpRoute.parentRefs=[]"], "httpRoute.enabled requires httpRoute.parentRefs"),
    by_template(
        "everything",
        &["monitoring.serviceMonitor.enabled=true"],
        "exclude each other: every node would be scraped",
    ),
    by_template("everything", &["networkPolicy.redis.to=[]"], "networkPolicy.enabled requires networkPolicy.redis.to"),
    by_template("everything", &["networkPolicy.collector.to=[]"], "requires networkPolicy.collector.to"),
];

pub(super) fn check(chart: &Chart) -> Result<()> {
    for refusal in REFUSALS {
        let mut command = chart.template(&chart.value_set(refusal.base), refusal.changes);
        if refusal.template_only {
            command.arg("--skip-schema-validation");
        }
        let output = command.stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let Refusal { base, changes, sentence, .. } = refusal;
        ensure!(!output.status.success(), "{base} with {changes:?} is not refused: expected `{sentence}`");
        ensure!(said.contains(sentence), "{base} with {changes:?}: expected `{sentence}`, but helm said\n{said}");
    }
    println!("{} faulty sets of values are refused", REFUSALS.len());
    Ok(())
}
