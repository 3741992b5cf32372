"""Compares the rules, their tests and the dashboard with the metrics that the code declares.

    watching.py             prints each disagreement in one line, and exits 1 if there is any
    watching.py queries     prints the dashboard's queries as rules, for promtool to parse
    watching.py kubernetes  prints deploy/kubernetes/optional/prometheusrule.yaml as it must be

Called by deploy/check, from the root of the repository.
"""

import json
import re
import sys
from pathlib import Path

import yaml

RULES = Path("deploy/prometheus-rules.yml")
TESTS = Path("deploy/prometheus-tests.yml")
DASHBOARD = Path("deploy/grafana/callgate.json")
KUBERNETES = Path("deploy/kubernetes/optional/prometheusrule.yaml")
OPERATIONS = Path("docs/OPERATIONS.md")

# What Prometheus itself adds.
TARGET_LABELS = {"job", "instance"}
# Label values that are made up of what goes on, and stand nowhere in the code.
FREE_LABELS = TARGET_LABELS | {"route", "status", "version", "le", "alertstate"}
KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
AGGREGATIONS = {"sum", "max", "min", "avg", "count", "topk", "bottomk", "quantile", "group", "stddev", "count_values"}
MATCHINGS = {"on", "ignoring", "group_left", "group_right"}
# What stands for a variable of the dashboard where a query is parsed.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$job": "callgate", "$instance": ".+"}

wrong = []


def demand(holds, what):
    if not holds:
        wrong.append(what)


def text(path):
    return Path(path).read_text(encoding="utf-8")


# --- what the code declares ----------------------------------------------------------------------


def declared_metrics():
    """Every series that a replica exposes, with its labels."""
    labels_source = text("src/telemetry/labels.rs")
    sets = re.search(r"^label_sets! \{\n(.*?)^\}", labels_source, re.M | re.S).group(1)
    labels = {name: set(re.findall(r"\w+", members.replace("r#", ""))) for name, members in re.findall(r"(\w+) \{ (.+?) \}", sets)}
    series = {}
    for kind, name in re.findall(r'^    (?:pub )?\w+: ([^=]+) = "(\w+)"', text("src/telemetry/metrics.rs"), re.M):
        family = re.match(r"Family<(\w+), (\w+)", kind)
        own = labels[family.group(1)] if family else set()
        if (family.group(2) if family else kind) == "Histogram":
            series |= {f"{name}_sum": own, f"{name}_count": own, f"{name}_bucket": own | {"le"}}
        else:
            series[name] = own
    return {name: own | TARGET_LABELS for name, own in series.items()}


known = declared_metrics() | {"up": TARGET_LABELS, "ALERTS": TARGET_LABELS | {"alertname", "alertstate", "severity"}}
code = "\n".join(text(path) for path in Path("src").rglob("*.rs"))

# --- queries -------------------------------------------------------------------------------------

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|(?<![\w.])[A-Za-z_:][\w:]*|(?<![\w:])\d[\w.]*|=~|!~|!=|[{}(),=]|\S')


class Query:
    """What a query names: selectors as (metric, [(label, matcher, value)]), labels to group or match by, and what its result may have."""

    def __init__(self, query):
        self.tokens = TOKEN.findall(query)
        self.selectors, self.named = [], set()
        self.labels = self.read(0, len(self.tokens))

    def end(self, at):
        """Where the parenthesis that opens at `at` closes."""
        depth = 0
        for here in range(at, len(self.tokens)):
            depth += (self.tokens[here] == "(") - (self.tokens[here] == ")")
            if depth == 0:
                return here
        raise ValueError(" ".join(self.tokens))

    def list(self, at):
        """The labels between parentheses that open at `at`, and what is behind them."""
        end = self.end(at)
        return {token for token in self.tokens[at + 1 : end] if token != ","}, end + 1

    def read(self, at, stop):
        labels = set()
        while at < stop:
            word, after = self.tokens[at], self.tokens[at + 1] if at + 1 < stop else ""
            at += 1
            if not re.match(r"[A-Za-z_:]", word) or word.lower() in KEYWORDS:
                continue
            if word in MATCHINGS:
                named, at = self.list(at)
                self.named |= named
            elif word in AGGREGATIONS:
                kept = set()
                if after == "by":
                    kept, at = self.list(at + 1)
                    self.named |= kept
                end = self.end(at)
                labels |= self.read(at + 1, end) & kept
                at = end + 1
            elif after == "{":
                end = self.tokens.index("}", at)
                inside = self.tokens[at + 1 : end]
                self.selectors.append((word, [tuple(inside[i : i + 3]) for i in range(0, len(inside), 4)]))
                labels |= known.get(word, set())
                at = end + 1
            elif after != "(":
                self.selectors.append((word, []))
                labels |= known.get(word, set())
        return labels


def demand_query(text_of_it, where):
    """Demands that all it names is there; gives the labels that its result may have."""
    try:
        query = Query(text_of_it)
    except ValueError:
        demand(False, f"{where}: a parenthesis without its other half, in {text_of_it}")
        return set()
    demand(query.selectors, f"{where}: {text_of_it} selects nothing")
    there = set()
    for metric, matchers in query.selectors:
        if metric not in known:
            demand(False, f"{where}: there is no metric {metric}")
            continue
        there |= known[metric]
        for label, _, value in matchers:
            demand(label in known[metric], f"{where}: {metric} has no label {label}")
            for word in [] if label in FREE_LABELS else value.strip('"').split("|"):
                demand(f'"{word}"' in code or not re.fullmatch(r"\w+", word), f"{where}: {label} is never {word}")
    for label in sorted(query.named - there):
        demand(not there, f"{where}: nothing in {text_of_it} has a label {label}")
    return query.labels


def demand_template(template, labels, where):
    for label in re.findall(r"\$labels\.(\w+)", template):
        demand(label in labels, f"{where}: the template names the label {label}, which the query does not leave")


# --- rules ---------------------------------------------------------------------------------------

groups = yaml.safe_load(text(RULES))["groups"]
rules = [rule for group in groups for rule in group["rules"]]
alerts = {rule["alert"] for rule in rules if "alert" in rule}
recorded = {rule["record"] for rule in rules if "record" in rule}
slugs = {
    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text(OPERATIONS), re.M)
}
watching = re.search(r"^## Watching\n(.*?)(?=^## |\Z)", text(OPERATIONS), re.M | re.S)
listed = re.findall(r"^\| `(Callgate\w+)` \|", watching.group(1) if watching else "", re.M)

for rule in rules:
    where = f"{RULES}, {rule.get('alert') or rule['record']}"
    labels = demand_query(rule["expr"], where)
    if "record" in rule:
        demand(re.fullmatch(r"callgate:\w+:\w+", rule["record"]), f"{where}: not callgate:METRIC:OPERATIONS")
        known[rule["record"]] = labels
        continue
    demand(rule["labels"]["severity"] in ("critical", "warning"), f"{where}: another severity")
    for part in ("summary", "description", "runbook"):
        demand(rule["annotations"].get(part), f"{where}: no {part}")
        demand_template(rule["annotations"].get(part, ""), labels, where)
    document, _, section = rule["annotations"].get("runbook", "").partition("#")
    demand(document == str(OPERATIONS), f"{where}: the runbook is {document}")
    demand(section in slugs, f"{where}: {OPERATIONS} has no section {section}")
demand(len(alerts) + len(recorded) == len(rules), f"{RULES}: a name is there twice")
demand(sorted(listed) == sorted(alerts), f'{OPERATIONS}: the table in "Watching" differs in {sorted(set(listed) ^ alerts)}')

# --- their tests ---------------------------------------------------------------------------------

tests = yaml.safe_load(text(TESTS))["tests"]
looked_at = [(case["alertname"], bool(case["exp_alerts"])) for test in tests for case in test.get("alert_rule_test", [])]
valued = {
    metric
    for test in tests
    for case in test.get("promql_expr_test", [])
    if case["exp_samples"]
    for metric, _ in Query(case["expr"]).selectors
}
for alert in sorted(alerts):
    demand((alert, True) in looked_at, f"{TESTS}: {alert} never fires")
    demand((alert, False) in looked_at, f"{TESTS}: {alert} always fires")
for alert in sorted({alert for alert, _ in looked_at} - alerts):
    demand(False, f"{TESTS}: there is no alert {alert}")
for name in sorted(recorded - valued):
    demand(False, f"{TESTS}: {name} has no value")
for test in tests:
    for series in test["input_series"]:
        demand_query(series["series"], f"{TESTS}, {test['name']}")

# --- the dashboard -------------------------------------------------------------------------------

dashboard = json.loads(text(DASHBOARD))
panels = dashboard["panels"]
variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
queries = []


def plain(query):
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query


def demand_shown(query, legend, where):
    demand("$" not in plain(query), f"{where}: a variable that is not there, in {query}")
    labels = demand_query(plain(query), where)
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        demand(label in labels, f"{where}: the legend names the label {label}, which the query does not leave")
    queries.append(plain(query))


for variable in variables.values():
    if variable["type"] == "query":
        where = f"{DASHBOARD}, variable {variable['name']}"
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
        demand(variable["query"]["query"] == variable["definition"], f"{where}: definition and query differ")
        demand(label in demand_query(plain(selector), where), f"{where}: {selector} has no label {label}")
for annotation in dashboard["annotations"]["list"]:
    demand_shown(annotation["expr"], annotation["titleFormat"], f"{DASHBOARD}, annotation {annotation['name']}")
for panel in panels:
    where = f"{DASHBOARD}, {panel['title']}"
    if panel["type"] == "row":
        continue
    demand(panel.get("description"), f"{where}: no description")
    demand(panel["fieldConfig"]["defaults"].get("unit"), f"{where}: no unit")
    demand(panel["datasource"]["uid"] == "${datasource}", f"{where}: another data source")
    demand(panel["targets"], f"{where}: no query")
    names = [target["refId"] for target in panel["targets"]]
    demand(len(set(names)) == len(names), f"{where}: two queries of one name")
    for target in panel["targets"]:
        demand(target["datasource"]["uid"] == "${datasource}", f"{where}: another data source")
        demand_shown(target["expr"], target["legendFormat"], where)

ids = [panel["id"] for panel in panels]
demand(len(set(ids)) == len(ids), f"{DASHBOARD}: two panels of one id")
titles = [panel["title"] for panel in panels]
demand(len(set(titles)) == len(titles), f"{DASHBOARD}: two panels of one title")
taken = set()
for panel in panels:
    x, y, w, h = (panel["gridPos"][side] for side in "xywh")
    cells = {(column, line) for column in range(x, x + w) for line in range(y, y + h)}
    demand(x + w <= 24 and not cells & taken, f"{DASHBOARD}, {panel['title']}: it has no room")
    taken |= cells

# --- Kubernetes ----------------------------------------------------------------------------------

HEADER = """\
# For the Prometheus operator: the rules of deploy/prometheus-rules.yml, which is where they are changed. Written by
#   python3 deploy/watching.py kubernetes > deploy/kubernetes/optional/prometheusrule.yaml
# (needs PyYAML). kube-prometheus-stack takes rules with its own label "release" only: add it where yours asks for one.
"""


class Readable(yaml.SafeDumper):
    """Texts of several lines stay texts of several lines."""


Readable.add_representer(
    str, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)
)


def prometheus_rule():
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "callgate", "namespace": "callgate", "labels": {"app.kubernetes.io/name": "callgate"}},
        "spec": {"groups": groups},
    }
    return HEADER + yaml.dump(resource, Dumper=Readable, sort_keys=False, width=160, allow_unicode=True)


demand(KUBERNETES.exists() and text(KUBERNETES) == prometheus_rule(), f"{KUBERNETES}: not as watching.py kubernetes prints it")

# --- run -----------------------------------------------------------------------------------------

if sys.argv[1:] == ["queries"]:
    shown = [{"record": f"callgate:query:{number}", "expr": query} for number, query in enumerate(queries)]
    print(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": shown}]}))
elif sys.argv[1:] == ["kubernetes"]:
    print(prometheus_rule(), end="")
else:
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))
