"""Alert rules and dashboard, against Prometheus' own tool and against the metrics that there are."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.observe.gauges import Load
from gateway.observe.metrics import Metrics
from gateway.store.browse import LaneStatus
from tests.interop.tools import need, program
from tests.test_docs import table_column

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "monitoring" / "rules.yml"
TRIALS = sorted(Path(__file__).parent.glob("rules*.yml"))
METRIC = re.compile(r"\b(?:stopgate|process)_\w+")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


@pytest.fixture
def promtool():
    """Run promtool; returns what it printed once it has succeeded."""
    tool = program("promtool")
    need(have=tool, what="promtool", get="apt-get install prometheus")

    def run(*words, text=None):
        done = subprocess.run([tool, *words], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def rules():
    """Return every alert rule."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def questions():
    """Return every expression of the dashboard."""
    panels = json.loads(RULES.with_name("dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def rendered():
    """Return what a gateway shows of which everything has happened once."""
    metrics = Metrics(["shop"], ["orange"])
    metrics.submitted("shop", 0)
    metrics.segment_sent("orange", 0x58)
    metrics.intake.of("shop").observe(0.003)
    for side, name in (("operator", "orange"), ("account", "shop")):
        metrics.waited(side, name)(0.2)
        metrics.gauges.lane((side, name), Load(1, 2, 3, 0.5, None), 50)
        metrics.gauges.bound(side, name, 1)
    metrics.gauges.spooled([LaneStatus("operator/orange", 3, 1, 1, 1, 0, 1, 1)], 60_000)
    metrics.gauges.readiness({}, {"store": True})
    metrics.lag.of("orange").observe(4)
    metrics.committed(0.01, 5)
    return metrics.render().decode()


def test_rules_are_accepted(promtool):
    """Prometheus accepts the alert rules."""
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


@pytest.mark.parametrize("trials", TRIALS, ids=[path.stem for path in TRIALS])
def test_alerts_fire(promtool, tmp_path, trials):
    """Each alert fires when it should, and not before."""
    copy = tmp_path / "rules.yml"
    copy.write_text(trials.read_text().replace("[RULES]", f"[{RULES}]"))
    assert "SUCCESS" in promtool("test", "rules", str(copy))


def test_every_alert_is_tried_and_explained():
    """Each alert is made to fire in the trials, and docs/operations.md says what it means and what to do."""
    names = {rule["alert"] for rule in rules()}
    groups = [group for path in TRIALS for group in yaml.safe_load(path.read_text())["tests"]]
    trials = [trial for group in groups for trial in group["alert_rule_test"]]
    assert {trial["alertname"] for trial in trials if trial["exp_alerts"]} == names
    assert set(table_column(ROOT / "docs" / "operations.md", "alert")) == names


def test_metrics_are_accepted(promtool):
    """Prometheus' tool finds nothing to say about our metrics."""
    ours = [line for line in rendered().splitlines(keepends=True) if "_created" not in line]
    assert promtool("check", "metrics", text="".join(ours)) == ""


def test_what_is_asked_for_is_there():
    """Every metric that an alert or the dashboard asks for is one that the gateway has."""
    there = set(re.findall(r"^# HELP (\w+)", rendered(), re.MULTILINE))
    asked = {name for text in [*questions(), *(rule["expr"] for rule in rules())] for name in METRIC.findall(text)}
    assert len(asked) > 20
    assert {name for name in asked if SUFFIX.sub("", name) not in there} == set()


def test_dashboard_asks_what_prometheus_understands(promtool, tmp_path):
    """Every expression of the dashboard is one of Prometheus' language."""
    texts = [text.replace("$__rate_interval", "5m") for text in questions()]
    group = {"name": "dashboard", "rules": [{"record": f"question_{n}", "expr": text} for n, text in enumerate(texts)]}
    path = tmp_path / "questions.yml"
    path.write_text(yaml.safe_dump({"groups": [group]}))
    assert f"{len(texts)} rules found" in promtool("check", "rules", str(path))
