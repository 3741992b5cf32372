//! The balancer of `deploy/` before two replicas, as processes of this machine: what runs in containers there.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::support::cluster::Cluster;
use crate::support::gate::a_call;
use crate::support::http::Ask;
use crate::support::wait::eventually;

/// A balancer with the configuration of `deploy/`, where only the addresses are other ones. Dropped, it is gone.
struct Balancer {
    process: Child,
    address: String,
}

impl Balancer {
    fn before(cluster: &Cluster) -> Self {
        let [gate, provider] = [free_address(), free_address()];
        let mut configuration = include_str!("../../deploy/haproxy.cfg")
            .replace("bind :8080", &format!("bind {gate}"))
            .replace("bind :9091", &format!("bind {provider}"))
            .replace("127.0.0.1:9090", authority(&cluster.provider.address));
        for number in [1, 2] {
            let replica = authority(cluster.replica(number).address());
            configuration = configuration.replace(&format!("callgate-{number}:8080"), replica);
        }
        let file = cluster.folder().join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        let mut haproxy = Command::new(if std::path::Path::new(DEBIANS).exists() { DEBIANS } else { "haproxy" });
        let process = haproxy.arg("-db").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: process.spawn().expect("haproxy starts"), address: format!("http://{gate}") }
    }

    async fn ready(&self) {
        eventually("the balancer leads to a replica that is ready", async || {
            let answer = Ask::get("/health/ready").send(&self.address).await.ok()?;
            (answer.code() == 200).then_some(())
        })
        .await;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where Debian keeps it; not every path leads there.
const DEBIANS: &str = "/usr/sbin/haproxy";

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://")
}

#[actix::test]
async fn i1_i4_the_deployed_topology_keeps_the_cap_and_sends_no_call_twice_while_a_replica_dies() {
    let mut cluster = Cluster::of(2).cap(5).start().await;
    cluster.put_businesses(&["b1"]).await;
    let balancer = Balancer::before(&cluster);
    balancer.ready().await;
    let call = async || Ask::post("/api/calls").json(&a_call("b1")).send(&balancer.address).await.unwrap();

    let mut admitted = 0;
    for _ in 0..8 {
        let answer = call().await;
        match answer.code() {
            201 => admitted += 1,
            _ => drop(answer.problem(503, "GLOBAL_CAPACITY_EXCEEDED")),
        }
    }
    assert_eq!((admitted, cluster.provider.live().await), (5, 5));

    cluster.kill_9(1);
    let conversations = cluster.provider.live_conversations().await;
    cluster.provider.hang_up(&conversations[0]).await;
    eventually("the other replica hears of the end and admits the next", async || {
        let answer = call().await;
        assert!(matches!(answer.code(), 201 | 503), "{answer}");
        (answer.code() == 201).then_some(())
    })
    .await;
    assert_eq!(cluster.provider.dialled().await, 6, "each call was dialled once");
    cluster.ends_well().await;
}
