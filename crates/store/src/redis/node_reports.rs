//! The reports of nodes, on the server of the beat.

use async_trait::async_trait;
use engine::store::{Fault, NodeReport, NodeReports, REPORTS_MAX, REPORTS_REMOVED_MAX};
use fred::interfaces::{HashesInterface, SortedSetsInterface};
use fred::types::Value;
use timers::Millis;

use crate::redis::fault::malformed_reply;
use crate::redis::store::RedisStore;

#[async_trait]
impl NodeReports for RedisStore {
    async fn put(&self, node: &str, text: &str, kept: Millis) -> Result<(), Fault> {
        let (server, shared) = (self.beat_server()?, self.shared());
        let limits = [kept.0.to_string(), REPORTS_REMOVED_MAX.to_string(), REPORTS_MAX.to_string()];
        let args = [node, text].into_iter().map(Value::from).chain(limits.map(Value::from)).collect();
        let put = shared.put_report.run(&server.commands()?, shared.keys.node_reports().to_vec(), args).await;
        put.map(drop).map_err(|error| server.fault(error))
    }

    async fn remove(&self, node: &str) -> Result<(), Fault> {
        let server = self.beat_server()?;
        let [texts, instants] = self.shared().keys.node_reports();
        let commands = server.commands()?;
        let pipeline = commands.pipeline();
        let removed = async {
            let _: () = pipeline.hdel(&texts, node).await?;
            let _: () = pipeline.zrem(&instants, node).await?;
            pipeline.all::<Vec<Value>>().await
        };
        removed.await.map(drop).map_err(|error| server.fault(error))
    }

    async fn all(&self) -> Result<Vec<NodeReport>, Fault> {
        let (server, shared) = (self.beat_server()?, self.shared());
        let read = shared.read_reports.run(&server.commands()?, shared.keys.node_reports().to_vec(), vec![]).await;
        let reply = read.map_err(|error| server.fault(error))?;
        let malformed = || malformed_reply("the reports of nodes");
        let fields: Vec<Value> = reply.convert().map_err(|_| malformed())?;
        let mut reports: Vec<NodeReport> = fields.chunks(3).map(decode).collect::<Option<_>>().ok_or_else(malformed)?;
        reports.sort_by(|one, other| one.node.cmp(&other.node));
        Ok(reports)
    }
}

fn decode(fields: &[Value]) -> Option<NodeReport> {
    let [node, text, age] = fields else { return None };
    Some(NodeReport { node: node.as_string()?, text: text.as_string()?, age: Millis(age.as_u64()?) })
}
