//! Scenarios in which a machine, a node, Redis or the network fails, or is taken away.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::redis_replies;
use serde_json::json;
use tokio::time::Instant;

use super::memory_limit;
use crate::cluster::DisturbanceKind;
use crate::kubernetes::pods::Pod;
use crate::kubernetes::release::{CONTROL_HOST, ROLLOUT_TIMEOUT};
use crate::kubernetes::stage::Stage;

/// Time within which Kubernetes and Tickcast notice a change and recover from it.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(90);

/// The label of the pod that a policy cuts off.
const CUT_OFF: &str = "faults.tickcast/cut-off";

/// `kubectl drain` of all machines but the one of Redis at once: the budget lets only one node go at a time.
pub(in crate::kubernetes) async fn drain_machines(stage: &mut Stage) -> Result<()> {
    let nodes = stage.pods.ready().len();
    let mut machines: Vec<String> = stage.pods.ready().into_iter().map(|pod| pod.host).collect();
    machines.retain(|machine| machine != CONTROL_HOST);
    machines.sort_unstable();
    machines.dedup();
    ensure!(machines.len() > 1, "only {machines:?} have nodes, so that the budget is not tried");
    stage.pods.take_least_ready();
    let tools = stage.tools.clone();
    let limit = format!("--timeout={}s", ROLLOUT_TIMEOUT.as_secs());
    let drains = machines.iter().map(|machine| {
        let (tools, limit) = (&tools, &limit);
        async move { tools.kubectl(&["drain", machine, "--ignore-daemonsets", "--delete-emptydir-data", limit]).await }
    });
    let drained = futures_util::future::join_all(drains).await;
    let settled = stage.settled(nodes, ROLLOUT_TIMEOUT).await;
    for machine in &machines {
        stage.tools.kubectl(&["uncordon", machine]).await?;
    }
    for output in drained {
        output?;
    }
    settled?;
    let least = stage.pods.take_least_ready();
    stage.expect(least + 1 >= nodes, || format!("the budget permits one node to be away, but only {least} were ready"));
    stage.notes.push(format!("{} machines drained at once, at least {least} of {nodes} nodes ready", machines.len()));
    Ok(())
}

/// The kernel kills a node at its memory limit.
pub(in crate::kubernetes) async fn oom_kill(stage: &mut Stage) -> Result<()> {
    let pod = stage.choose()?;
    let address = pod.address.context("a node without an address")?;
    let since = Instant::now();
    memory_limit::lower_until_killed(&pod.uid, "tickcast").await?;
    let is_back = |pods: &[Pod]| pods.iter().any(|it| it.uid == pod.uid && it.restarts > pod.restarts && it.serves());
    let pods = stage.pods.wait_for("the killed node is ready again", RECOVERY_TIMEOUT, is_back).await?;
    stage.note_disturbance(address, DisturbanceKind::Down, since);
    let end = pods.into_iter().find(|it| it.uid == pod.uid).and_then(|it| it.last_end);
    stage.expect(end.as_deref() == Some("OOMKilled"), || {
        format!("the kubelet says that the container ended as {end:?}")
    });
    stage.notes.push(format!("ready again {:.1} s after the limit was lowered", since.elapsed().as_secs_f64()));
    Ok(())
}

/// The pod of Redis is deleted; another one reads the append-only file.
pub(in crate::kubernetes) async fn restart_redis(stage: &mut Stage) -> Result<()> {
    let since = Instant::now();
    stage.pods.take_least_ready();
    stage.tools.kubectl(&["delete", "pod", "redis-0", "--wait"]).await?;
    stage.tools.kubectl(&["rollout", "status", "statefulset/redis", "--timeout=60s"]).await?;
    let is_up = since.elapsed();
    let nodes = stage.release.values["replicaCount"].as_u64().unwrap_or_default() as usize;
    stage.settled(nodes, RECOVERY_TIMEOUT).await?;
    stage.note_disturbance_of_all(DisturbanceKind::Disconnected, since);
    let least = stage.pods.take_least_ready();
    stage.notes.push(format!(
        "Redis back after {:.1} s, all nodes ready after {:.1} s, at least {least} ready meanwhile",
        is_up.as_secs_f64(),
        since.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// A NetworkPolicy separates a node from Redis. Its open connections are cut, because a policy leaves these alone.
pub(in crate::kubernetes) async fn cut_off(stage: &mut Stage) -> Result<()> {
    let pod = stage.choose()?;
    let address = pod.address.context("a node without an address")?;
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "cut-off" },
        "spec": { "podSelector": { "matchLabels": { CUT_OFF: "yes" } }, "policyTypes": ["Egress"], "egress": [] },
    });
    stage.tools.apply(&[policy]).await?;
    stage.tools.kubectl(&["label", "pod", &pod.name, &format!("{CUT_OFF}=yes")]).await?;
    let since = Instant::now();
    let is_cut = |pods: &[Pod]| pods.iter().any(|it| it.uid == pod.uid && !it.is_ready);
    let end = Instant::now() + RECOVERY_TIMEOUT;
    // The policy takes effect a moment later, so that connections are cut until the node cannot make others.
    while !is_cut(&stage.pods.pods()) {
        ensure!(Instant::now() < end, "the policy does not cut {} off: the cluster does not enforce it", pod.name);
        disconnect(stage, &address.to_string())?;
        stage.wait(Duration::from_millis(500)).await;
    }
    stage.notes.push(format!("unready {:.1} s after the policy", since.elapsed().as_secs_f64()));
    let span = if stage.short { stage.span(4000, 6000) } else { stage.span(8000, 15_000) };
    stage.wait(span).await;
    stage.tools.kubectl(&["delete", "networkpolicy", "cut-off"]).await?;
    let healed = Instant::now();
    let is_back = |pods: &[Pod]| pods.iter().any(|it| it.uid == pod.uid && it.serves());
    stage.pods.wait_for("the node is ready again", RECOVERY_TIMEOUT, is_back).await?;
    stage.note_disturbance(address, DisturbanceKind::Disconnected, since);
    stage.notes.push(format!("ready again {:.1} s after it was removed", healed.elapsed().as_secs_f64()));
    let restarts = stage.pods.pods().into_iter().find(|it| it.uid == pod.uid).map(|it| it.restarts);
    stage.expect(restarts == Some(pod.restarts), || "the node was restarted, although it only lacked Redis".to_owned());
    Ok(())
}

/// Closes the connections of a node at Redis.
fn disconnect(stage: &Stage, address: &str) -> Result<()> {
    let list = redis_replies(stage.redis, &[vec!["CLIENT", "LIST"]])?.swap_remove(0).into_text();
    let field = |line: &str, name: &str| line.split(' ').find_map(|it| it.strip_prefix(name).map(str::to_owned));
    let of_node = |line: &&str| field(line, "addr=").is_some_and(|it| it.starts_with(&format!("{address}:")));
    let ids: Vec<String> = list.lines().filter(of_node).filter_map(|line| field(line, "id=")).collect();
    let commands: Vec<Vec<&str>> = ids.iter().map(|id| vec!["CLIENT", "KILL", "ID", id]).collect();
    redis_replies(stage.redis, &commands)?;
    Ok(())
}

/// A machine dies with its kubelet and its pods. Its link goes down first, so that it closes no connection: its addresses answer
/// no more.
pub(in crate::kubernetes) async fn lose_machine(stage: &mut Stage) -> Result<()> {
    let lost = stage.choose()?.host;
    let on_it: Vec<Pod> = stage.pods.ready().into_iter().filter(|pod| pod.host == lost).collect();
    let file = stage.tools.folder.join("run").join(format!("{lost}.pid"));
    let pid = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let link = format!("port{}", lost.trim_start_matches('n'));
    let since = Instant::now();
    ensure!(Command::new("ip").args(["link", "set", &link, "down"]).status()?.success(), "{link} is no link of {lost}");
    ensure!(Command::new("kill").args(["-9", pid.trim()]).status()?.success(), "{lost} cannot be killed");
    let are_out = |pods: &[Pod]| pods.iter().filter(|pod| pod.host == lost).all(|pod| !pod.serves());
    stage.pods.wait_for("Kubernetes takes the lost nodes out of the Service", RECOVERY_TIMEOUT, are_out).await?;
    stage
        .notes
        .push(format!("out of the Service {:.1} s after the machine {lost} died", since.elapsed().as_secs_f64()));
    for address in on_it.iter().filter_map(|pod| pod.address) {
        stage.note_disturbance(address, DisturbanceKind::Down, since);
    }
    Ok(())
}
