//! A Prometheus with the files of `deploy/`, where only the addresses are other ones: what it scrapes of two replicas, and what the
//! rules make of that.

use std::collections::BTreeSet;

use callgate_rig::Prometheus;
use serde_json::{Value, json};

use crate::support::cluster::{Cluster, Replica};
use crate::support::http::Ask;
use crate::support::wait::{eventually, settles};

const RULES: &str = include_str!("../../deploy/prometheus-rules.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/callgate.json");
const TOKEN: &str = "the-scrapers-token";

fn watching(cluster: &Cluster) -> Prometheus {
    let mut configuration = include_str!("../../deploy/prometheus.yml").to_owned();
    let authority = |number| cluster.replica(number).address().trim_start_matches("http://");
    for (theirs, ours) in [
        ("scrape_interval: 5s", "scrape_interval: 2s"),
        ("evaluation_interval: 5s", "evaluation_interval: 1s"),
        ("/run/secrets/metrics_token", "metrics_token"),
        ("callgate-1:8080", authority(1)),
        ("callgate-2:8080", authority(2)),
    ] {
        assert!(configuration.contains(theirs), "deploy/prometheus.yml has no {theirs}");
        configuration = configuration.replace(theirs, ours);
    }
    Prometheus::start(&[("prometheus.yml", &configuration), ("prometheus-rules.yml", RULES), ("metrics_token", TOKEN)])
}

/// What its API answers; nothing while it starts.
async fn data(prometheus: &Prometheus, path: &str) -> Option<Value> {
    let answer = Ask::get(path).send(&prometheus.url()).await.ok()?;
    (answer.code() == 200).then(|| answer.json()["data"].clone())
}

/// The values of a query, as they are written.
async fn values(prometheus: &Prometheus, query: &str) -> Vec<String> {
    let query = query.bytes().fold(String::new(), |query, byte| query + &format!("%{byte:02X}"));
    let data = data(prometheus, &format!("/api/v1/query?query={query}")).await.unwrap_or_default();
    let result = data["result"].as_array().cloned().unwrap_or_default();
    result.iter().map(|sample| sample["value"][1].as_str().unwrap().to_owned()).collect()
}

async fn rules(prometheus: &Prometheus) -> Vec<Value> {
    let data = data(prometheus, "/api/v1/rules").await.unwrap_or_default();
    let groups = data["groups"].as_array().cloned().unwrap_or_default();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).cloned().collect()
}

/// Metrics of the gate that a file names.
fn named_in(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':');
    words.filter(|word| {
        ["callgate_", "platform_", "concurrent_", "elevenlabs_"].iter().any(|beginning| word.starts_with(beginning))
            && !word.contains(':')
    })
}

/// What of the pool is taken, in percent, by the gate itself.
async fn utilisation_by(replica: &Replica) -> Value {
    replica.concurrent_metrics().await["globalStatus"]["utilizationPercent"].clone()
}

#[actix::test]
async fn a_prometheus_with_the_files_of_deploy_sees_two_replicas_as_they_are() {
    let cluster = Cluster::of(2).cap(5).env("CALLGATE__METRICS__TOKEN", TOKEN).start().await;
    cluster.put_businesses(&["b1"]).await;
    let prometheus = watching(&cluster);

    settles(vec![("up".to_owned(), String::new()); 2], async || {
        let targets = data(&prometheus, "/api/v1/targets").await.unwrap_or_default();
        let targets = targets["activeTargets"].as_array().cloned().unwrap_or_default();
        let word = |target: &Value, key: &str| target[key].as_str().unwrap().to_owned();
        targets.iter().map(|target| (word(target, "health"), word(target, "lastError"))).collect()
    })
    .await;

    // Something of everything happens: calls on either replica, one hung up, a sweep.
    cluster.replica(1).start_calls("b1", 3).await;
    let over = cluster.replica(2).start_call("b1").await;
    cluster.replica(2).delete_call(&over).await.expect(202);
    cluster.replica(1).call_becomes(&over, "ended").await;
    cluster.replica(2).start_call("b1").await;
    cluster.replica(1).post_reconciliation().await;
    settles(vec!["0.8".to_owned()], async || values(&prometheus, "callgate:pool_utilisation:ratio").await).await;
    assert_eq!(utilisation_by(cluster.replica(1)).await, 80.0);
    eventually("both replicas know of the sweep", async || {
        let swept = values(&prometheus, "callgate_last_full_sweep_timestamp_seconds > 0").await;
        (swept.len() == 2 && swept[0] == swept[1]).then_some(())
    })
    .await;

    cluster.replica(2).start_call("b1").await;
    cluster.replica(1).post_call("b1").await.capacity_problem("GLOBAL_CAPACITY_EXCEEDED");
    settles(vec!["1".to_owned()], async || values(&prometheus, "callgate:pool_utilisation:ratio").await).await;
    let alert = eventually("the alert of a full pool is on its way", async || {
        let full = rules(&prometheus).await.into_iter().find(|rule| rule["name"] == "CallgateCapacityFull")?;
        full["alerts"].as_array().unwrap().first().cloned()
    })
    .await;
    assert!(alert["state"] == "pending" || alert["state"] == "firing", "{alert}");
    assert_eq!(alert["labels"]["job"], "callgate");

    let written = RULES.lines().filter(|line| line.contains("- record: ") || line.contains("- alert: ")).count();
    settles((written, Vec::<Value>::new()), async || {
        let rules = rules(&prometheus).await;
        let ill = rules.iter().filter(|rule| rule["health"] != "ok" || !rule["lastError"].is_null());
        (rules.len(), ill.cloned().collect())
    })
    .await;

    let named: BTreeSet<&str> = named_in(RULES).chain(named_in(DASHBOARD)).collect();
    assert!(named.contains("concurrent_rejected_total"), "{named:?}");
    settles(Vec::<&str>::new(), async || {
        let series = data(&prometheus, "/api/v1/label/__name__/values").await.unwrap_or(json!([]));
        let series: BTreeSet<&str> = series.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        named.iter().filter(|name| !series.contains(*name)).copied().collect()
    })
    .await;
    drop(prometheus);
    cluster.ends_well().await;
}

#[actix::test]
async fn a_scrape_does_not_wait_for_a_database_that_is_away() {
    let mut cluster = Cluster::of(2).cap(5).own_database().env("CALLGATE__METRICS__TOKEN", TOKEN).start().await;
    cluster.put_businesses(&["b1"]).await;
    cluster.replica(1).start_call("b1").await;
    let scraped = async |cluster: &Cluster| {
        let ask = Ask::get("/metrics").key(TOKEN);
        let answer = ask.send(cluster.replica(2).address()).await.expect("the scrape is answered in time");
        assert_eq!(answer.code(), 200, "{answer}");
        answer.text()
    };
    assert!(scraped(&cluster).await.contains("\ncallgate_database_up 1\n"));

    cluster.database.server().pause();
    let text = scraped(&cluster).await;
    assert!(text.contains("\ncallgate_database_up 0\n"), "{text}");

    cluster.database.server().resume();
    eventually("the database is up again", async || {
        scraped(&cluster).await.contains("\ncallgate_database_up 1\n").then_some(())
    })
    .await;
    cluster.admits().await;
    cluster.ends_well().await;
}
