"""Compares the deployment files with the code: what one names, the other must have.

Called by deploy/check, from the root of the repository. Prints each disagreement in one line and exits 1 if there is any.
"""

import re
import sys
import tomllib
from pathlib import Path

import yaml

wrong = []


def demand(holds, what):
    if not holds:
        wrong.append(what)


def text(path):
    return Path(path).read_text(encoding="utf-8")


def toml(path):
    return tomllib.loads(text(path))


def documents(path):
    return [document for document in yaml.safe_load_all(text(path)) if document]


def keys_of(table, prefix=""):
    """The keys of a table by their paths: section.key."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from keys_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m|h)", duration).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


# --- what there is -------------------------------------------------------------------------------

defaults = toml("config/default.toml")
production = toml("config/production.toml")
known_keys = set(keys_of(defaults))
settings_source = text("src/settings/source.rs")
aliases = dict(re.findall(r'\("([A-Z_]+)", "([a-z_.]+)"\)', settings_source))
routes = text("src/http/routes.rs")
simulator = text("src/cli/simulator.rs")
metrics = set(re.findall(r'= "((?:callgate|platform|concurrent|elevenlabs)_\w+)"', text("src/telemetry/metrics.rs")))
rust_sources = "\n".join(text(path) for path in Path("src").rglob("*.rs"))
# Variables that are no settings: read where they are used.
plain_variables = {name for name in ("CALLGATE_NODE", "SIMULATOR_API_KEY") if f'"{name}"' in rust_sources} | {"RUST_LOG"}


def setting(name):
    """A setting as config/production.toml leaves it."""
    section, key = name.split(".")
    return production.get(section, {}).get(key, defaults[section][key])


def demand_variable(name, where):
    if name in aliases or name in plain_variables:
        return
    parts = name.split("__")
    plan = len(parts) == 4 and parts[1] == "PLANS" and parts[3] in ("LIMIT", "RESERVED", "MAX_DURATION_SECONDS")
    key = ".".join(parts[1:]).lower()
    demand(plan or (parts[0] == "CALLGATE" and key in known_keys), f"{where}: there is no setting behind {name}")


# --- the overlay ---------------------------------------------------------------------------------

for key in keys_of(production):
    demand(key in known_keys, f"config/production.toml: config/default.toml has no {key}")
stop_seconds = setting("server.drain_seconds") + setting("server.shutdown_timeout_seconds")
slowest_placement = setting("capacity.dial_within_seconds") + setting("provider.place_timeout_seconds")
port = int(setting("server.bind").rsplit(":", 1)[1])
demand(setting("server.shutdown_timeout_seconds") > slowest_placement, "config/production.toml: a stop does not wait for the slowest placement")

# --- the image -----------------------------------------------------------------------------------

dockerfile = text("deploy/Dockerfile")
toolchain = toml("rust-toolchain.toml")["toolchain"]["channel"]
cargo = toml("Cargo.toml")
demand(f"ARG RUST_VERSION={toolchain}\n" in dockerfile, f"deploy/Dockerfile: rust-toolchain.toml says {toolchain}")
profile = re.search(r"cargo build .*--profile (\w+)", dockerfile).group(1)
demand(profile in cargo["profile"], f"deploy/Dockerfile: Cargo.toml has no profile {profile}")
demand(f"EXPOSE {port}\n" in dockerfile, f"deploy/Dockerfile: config/production.toml binds port {port}")
package = cargo["workspace"]["package"]
demand(f'licenses="{package["license"]}"' in dockerfile, f"deploy/Dockerfile: Cargo.toml says {package['license']}")
demand(f"ARG VERSION={package['version']}\n" in dockerfile, f"deploy/Dockerfile: Cargo.toml says {package['version']}")


def demand_version(image, where):
    tag = image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else ""
    demand(tag not in ("", "latest"), f"{where}: {image} has no version")


for image in re.findall(r"^FROM (\S+)", dockerfile, re.M):
    if image != "chef":
        demand_version(image, "deploy/Dockerfile")

# --- Compose -------------------------------------------------------------------------------------

compose_text = text("deploy/compose.yaml")
compose = yaml.safe_load(compose_text)
gates, variables = set(), set()
for name, service in compose["services"].items():
    where = f"deploy/compose.yaml, {name}"
    demand_version(service["image"], where)
    if not service["image"].startswith("callgate:"):
        continue
    for variable in service.get("environment", {}):
        demand_variable(variable, where)
    command = service.get("command", ["serve"])
    if command[0] == "simulator":
        for flag in command[1:]:
            field = flag.split("=")[0].removeprefix("--").replace("-", "_")
            demand(re.search(rf"^    {field}: ", simulator, re.M), f"{where}: callgate simulator has no {flag}")
            for path in re.findall(r"https?://[^/]+(/.+)", flag):
                demand(f'"{path}"' in routes, f"{where}: there is no route {path}")
        continue
    gates.add(name)
    demand(seconds(service["stop_grace_period"]) > stop_seconds, f"{where}: SIGKILL comes before the stop is over")
    demand("CALLGATE__AUTH__ADMIN_KEY" in service["environment"], f"{where}: without a key it serves loopback only")
variables = set(re.findall(r"\$\{(\w+)", compose_text)) | {
    secret["environment"] for secret in compose["secrets"].values() if "environment" in secret
}
examples = set(re.findall(r"^(\w+)=", text("deploy/example.env"), re.M))
demand(variables == examples, f"deploy/example.env and compose.yaml differ in {sorted(variables ^ examples)}")

# --- balancer, Prometheus ------------------------------------------------------------------------

balancer = text("deploy/haproxy.cfg")
for backend in ("ready", "live"):
    lines = re.search(rf"^backend {backend}\n((?:[ \t].*\n|\n)*)", balancer, re.M).group(1)
    servers = set(re.findall(r"^\s+server (\S+) \1:%d$" % port, lines, re.M))
    demand(servers == gates, f"deploy/haproxy.cfg: backend {backend} has {sorted(servers)}, compose.yaml {sorted(gates)}")
for path in re.findall(r"uri (\S+)", balancer):
    demand(f'"{path}"' in routes, f"deploy/haproxy.cfg: there is no route {path}")
patience = seconds(re.search(r"timeout server (\w+)", balancer).group(1))
commits = 2 * setting("store.commit_timeout_seconds")
demand(patience > slowest_placement + commits, "deploy/haproxy.cfg: timeout server is shorter than the slowest placement")
demand("retry-on conn-failure\n" in balancer, "deploy/haproxy.cfg: what was sent may be sent again")

scrape = yaml.safe_load(text("deploy/prometheus.yml"))["scrape_configs"][0]
targets = {target for group in scrape["static_configs"] for target in group["targets"]}
demand(targets == {f"{gate}:{port}" for gate in gates}, f"deploy/prometheus.yml: scrapes {sorted(targets)}")
demand(f'"{scrape["metrics_path"]}"' in routes, "deploy/prometheus.yml: there is no such route")
jobs = set(re.findall(r'job=~"(.+?)"', text("deploy/prometheus-rules.yml")))


def is_job_of_rules(name):
    return all(re.fullmatch(job, name) for job in jobs)


demand(is_job_of_rules(scrape["job_name"]), f"deploy/prometheus.yml: the rules know no job {scrape['job_name']}")

# --- Grafana -------------------------------------------------------------------------------------

mounts = dict(volume.removesuffix(":ro").split(":") for volume in compose["services"]["grafana"]["volumes"])
provider = yaml.safe_load(text("deploy/grafana/dashboards.yml"))["providers"][0]
source = yaml.safe_load(text("deploy/grafana/datasources.yml"))["datasources"][0]
for path in mounts:
    demand((Path("deploy") / path).is_file(), f"deploy/compose.yaml, grafana: there is no {path}")
for kind in ("datasources", "dashboards"):
    there = mounts.get(f"./grafana/{kind}.yml", "")
    demand(there.startswith(f"/etc/grafana/provisioning/{kind}/"), f"deploy/compose.yaml, grafana: it does not see {kind}.yml")
where = "deploy/grafana/dashboards.yml"
demand(Path(mounts["./grafana/callgate.json"]).parent == Path(provider["options"]["path"]), f"{where}: the dashboard is elsewhere")
prometheus_port = compose["services"]["prometheus"]["ports"][0].rpartition(":")[2]
demand(source["url"] == f"http://prometheus:{prometheus_port}", "deploy/grafana/datasources.yml: Prometheus is elsewhere")

# --- Kubernetes ----------------------------------------------------------------------------------

folder = Path("deploy/kubernetes")
kustomization = yaml.safe_load(text(folder / "kustomization.yaml"))
present = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
demand(set(kustomization["resources"]) == present, f"{folder}: kustomization.yaml lists other files than there are")
environment = {}
for path in sorted(folder.rglob("*.yaml")):
    for document in documents(path):
        if document["kind"] == "Kustomization":
            continue
        demand(document["metadata"].get("namespace", "callgate") == "callgate", f"{path}: another namespace")
        values = document.get("data" if document["kind"] == "ConfigMap" else "stringData", {})
        if document["kind"] in ("ConfigMap", "Secret"):
            environment |= values
            for variable in values:
                demand_variable(variable, path)
        if document["kind"] == "Secret":
            shown = [name for name, value in values.items() if "PLACEHOLDER" not in value]
            demand(not shown, f"{path}: {shown} has no placeholder")
        if document["kind"] == "PodMonitor":
            for endpoint in document["spec"]["podMetricsEndpoints"]:
                demand(f'"{endpoint["path"]}"' in routes, f"{path}: there is no route {endpoint['path']}")
                demand(endpoint["authorization"]["credentials"]["key"] == "CALLGATE__METRICS__TOKEN", f"{path}: another token")
            monitored = document["spec"]

deployment = documents(folder / "deployment.yaml")[0]["spec"]["template"]["spec"]
container = deployment["containers"][0]
where = folder / "deployment.yaml"
pods = documents(where)[0]["spec"]["template"]["metadata"]["labels"]
demand(monitored["selector"]["matchLabels"].items() <= pods.items(), f"{folder}: the PodMonitor selects other pods")
demand(is_job_of_rules(pods.get(monitored.get("jobLabel"), "")), f"{folder}: the rules know no job of the PodMonitor's label")
stop_there = int(environment.get("CALLGATE__SERVER__SHUTDOWN_TIMEOUT_SECONDS", stop_seconds))
pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
demand(deployment["terminationGracePeriodSeconds"] > pause + stop_there, f"{where}: SIGKILL comes before the stop is over")
demand(container["ports"][0]["containerPort"] == port, f"{where}: config/production.toml binds port {port}")
demand_version(container["image"], where)
for variable in container["env"]:
    demand_variable(variable["name"], where)
for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
    path = container[probe]["httpGet"]["path"]
    demand(f'"{path}"' in routes, f"{where}: there is no route {path}")
for needed in ("DATABASE_URL", "REDIS_URL", "CALLGATE__AUTH__ADMIN_KEY"):
    demand(needed in environment, f"{folder}: {needed} is not set")

# --- documents and rules -------------------------------------------------------------------------

operations = Path("docs/OPERATIONS.md")
guides = [Path(name) for name in ("README.md", "CONTRIBUTING.md", "docs/INTEGRATING.md", "docs/PROVIDERS.md")]
documents_here = [path for path in [operations, Path("docs/CONFIGURATION.md"), *guides] if path.exists()]
problems = text("src/http/problem.rs")
served = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)) for route in re.findall(r'"(/[^"]*)"', routes)]


def words(path):
    """A document without the lines that search: a pattern that is searched for is not a name."""
    return "\n".join(line for line in text(path).splitlines() if "grep" not in line)


for path in documents_here:
    for name in sorted(set(re.findall(r"(?<![.\w])(?:callgate|platform|concurrent|elevenlabs)_[a-z0-9_]+[a-z0-9]\b", words(path)))):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        variables_of_a_call = name in ("callgate_call_id", "callgate_capacity")
        demand(base in metrics or variables_of_a_call, f"{path}: there is no metric {name}")
for path in [Path("deploy/prometheus-rules.yml"), *documents_here]:
    for code in sorted(set(re.findall(r"\b[45]\d\d ([A-Z][A-Z0-9_]+)\b", words(path)))):
        demand(f'"{code}"' in problems, f"{path}: there is no error {code}")
for path in documents_here:
    for name in sorted(set(re.findall(r"\bCALLGATE__\w+", text(path))) - {"CALLGATE__SECTION__KEY"}):
        demand_variable(name, path)
    for key in sorted(set(re.findall(r"`(\w+\.[a-z_]+)`", text(path)))):
        demand(key in known_keys or key.split(".")[0] not in defaults, f"{path}: there is no setting {key}")
for path in guides:
    for route in sorted(set(re.findall(r"(?<![\w.])/(?:api|debug|health)/[\w/{}-]+", text(path)))):
        demand(any(re.fullmatch(pattern, route.rstrip("/")) for pattern in served), f"{path}: there is no route {route}")

for line in wrong:
    print(line)
sys.exit(bool(wrong))
