//! The kustomize overlays of `k8s`, with images that the test cluster has.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::super::folders::text;
use super::super::test_namespace::{Environment, TestNamespace};
use super::Timer;

/// Address of the public Service of an overlay.
const SERVICE: &str = "tickcast:4000";

/// One node, whose store is on a volume: a timer survives its pod.
pub(super) fn small(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("overlay-small", |namespace| {
        namespace.start_client()?;
        apply(namespace, "small")?;
        let timer = Timer::start(namespace, SERVICE)?;
        let pods = namespace.nodes()?;
        let pod = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("there is no pod")?;
        namespace.kubectl(&["delete", "pod", pod, "--wait=true", "--timeout=90s"])?;
        namespace.wait_for_rollout("deployment/tickcast")?;
        let status = timer.status(namespace, SERVICE)?;
        ensure!(status == "active", "the timer is {status} after its pod was deleted");
        Ok(())
    })
}

/// Three nodes and more, with a Redis whose address is in a Secret.
pub(super) fn production(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("overlay-production", |namespace| {
        namespace.start_client()?;
        namespace.start_redis()?;
        apply(namespace, "production")?;
        ensure!(namespace.nodes()?.len() >= 3, "fewer than three nodes");
        let timer = Timer::start(namespace, SERVICE)?;
        let status = timer.status(namespace, SERVICE)?;
        ensure!(status == "active", "a timer is {status}");
        Ok(())
    })
}

fn apply(namespace: &TestNamespace<'_>, overlay: &str) -> Result<()> {
    let Environment { folders, root, .. } = namespace.environment;
    let folder = folders.state().join("overlays").join(overlay);
    fs::create_dir_all(&folder)?;
    let source = root.join("k8s/overlays").join(overlay);
    let relative = relative(&folder, &source)?;
    let kustomization = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {}\nresources:\n  - {relative}\n\
         images:\n  - name: ghcr.io/tickcast/tickcast\n    newName: localhost/tickcast\n    newTag: current\n",
        namespace.name
    );
    fs::write(folder.join("kustomization.yaml"), kustomization)?;
    namespace.kubectl(&["apply", "--server-side", "--kustomize", text(&folder)?])?;
    namespace.wait_for_rollout("deployment/tickcast")
}

/// Returns the way from one folder to another: kustomize takes no absolute paths.
fn relative(from: &Path, to: &Path) -> Result<String> {
    let common = from.components().zip(to.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().skip(common).map(|_| "..");
    let down = to.components().skip(common).map(|component| component.as_os_str().to_str().unwrap_or_default());
    let path = up.chain(down).collect::<Vec<_>>().join("/");
    ensure!(!path.is_empty(), "{} is within itself", from.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders_goes_up_to_what_they_share() {
        assert_eq!(relative(Path::new("/a/b/c"), Path::new("/a/d")).unwrap(), "../../d");
        assert_eq!(relative(Path::new("/a"), Path::new("/a/b")).unwrap(), "b");
        assert!(relative(Path::new("/a"), Path::new("/a")).is_err());
    }
}
