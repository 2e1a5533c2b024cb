"""What Prometheus reads."""

import pytest

from gateway.observe.gauges import Load
from gateway.observe.labels import Labels
from gateway.observe.metrics import Metrics


@pytest.fixture
def metrics():
    """Metrics of one account and one operator."""
    return Metrics(["shop"], ["orange"])


def test_everything_is_rendered(metrics):
    """What was counted, set and observed stands in the text format under its labels."""
    metrics.submitted("shop", 0)
    metrics.segment_sent("orange", 0x58)
    metrics.receipt("orange", "DELIVRD")
    metrics.inbound("orange", "text")
    metrics.heard("keyword", "sms", "opted_out")
    metrics.billed("shop", "opt_out_confirmation", 2)
    metrics.delivered("shop", 0)
    metrics.gauges.bound("operator", "orange", 2)
    metrics.gauges.lane(("account", "shop"), Load(7, 5, 0, 0.0, None), 50)
    metrics.intake.of("shop").observe(0.003)
    metrics.intake.of("nobody").observe(0.5)
    metrics.waited("operator", "orange")(0.2)
    metrics.committed(0.003, 50)
    lines = set(metrics.render().decode().splitlines())
    assert lines >= {
        'stopgate_submits_total{account="shop",status="0x0"} 1.0',
        'stopgate_segments_sent_total{operator="orange",status="0x58"} 1.0',
        'stopgate_receipts_total{operator="orange",state="DELIVRD"} 1.0',
        'stopgate_inbound_total{kind="text",operator="orange"} 1.0',
        'stopgate_opt_outs_total{effect="opted_out",rule="keyword",source="sms"} 1.0',
        'stopgate_credits_total{account="shop",kind="opt_out_confirmation"} 2.0',
        'stopgate_delivered_total{account="shop",status="0x0"} 1.0',
        'stopgate_links_bound{name="orange",side="operator"} 2.0',
        'stopgate_queue_ready{name="shop",side="account"} 7.0',
        'stopgate_in_flight{name="shop",side="account"} 5.0',
        'stopgate_rate_limit{name="shop",side="account"} +Inf',
        'stopgate_intake_seconds_bucket{account="shop",le="0.002"} 0.0',
        'stopgate_intake_seconds_bucket{account="shop",le="0.005"} 1.0',
        'stopgate_intake_seconds_count{account="shop"} 1.0',
        'stopgate_intake_seconds_sum{account="other"} 0.5',
        'stopgate_answer_seconds_bucket{le="+Inf",operator="orange"} 1.0',
        'stopgate_store_commit_seconds_bucket{le="0.005"} 1.0',
        'stopgate_store_commit_seconds_bucket{le="0.002"} 0.0',
        'stopgate_store_commit_items_bucket{le="50.0"} 1.0',
    }


def test_unknown_names_never_become_labels(metrics):
    """A name that is not in the configuration is counted as `other`."""
    metrics.submitted("nobody", 15)
    text = metrics.render().decode()
    assert 'account="other"' in text
    assert "nobody" not in text


def test_new_names_are_known_after_a_reload(metrics):
    """Names of a configuration read again get labels of their own, the old ones keep theirs."""
    metrics.know(["kiosk"], [])
    metrics.submitted("kiosk", 0)
    metrics.submitted("shop", 0)
    text = metrics.render().decode()
    assert 'account="kiosk"' in text
    assert 'account="shop"' in text


def test_open_labels_are_cut_off():
    """A set that the outside world fills takes 64 values, then `other`."""
    labels = Labels()
    admitted = {labels.admit(f"0x{status:x}") for status in range(1000)}
    assert len(admitted) == 65
    assert "other" in admitted
    assert labels.admit("0x3f") == "0x3f"


def test_two_gateways_do_not_count_together():
    """Each `Metrics` has a registry of its own."""
    first, second = Metrics(["shop"], []), Metrics(["shop"], [])
    first.submitted("shop", 0)
    assert b'account="shop"' not in second.render()
