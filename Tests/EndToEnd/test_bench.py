"""`apus bench composite` with its own cluster, shortly: what it counts, and what it says of thresholds. How fast anything is
nobody asks here."""

import json
import subprocess

import pytest

from cluster import ROOT, apus_binary


def bench(*options):
    command = [apus_binary(), "bench", "composite", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80)


def test_a_composite_is_seen_and_forwarding_beside_it_measured(tmp_path):
    report, thresholds = tmp_path / "composite.json", tmp_path / "thresholds.json"
    # More pictures than the composite is to make.
    thresholds.write_text(json.dumps({"picturesPerSecond": 1000, "addedLatency": 1e6}))
    done = bench(
        "--rounds", "1", "--seconds", "2", "--participants", "3", "--size", "320x180", "--sessions", "2", "--viewers",
        "2", "--json", str(report), "--check", str(thresholds))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "wanted 1000" in done.stderr and done.stderr.count("✗") == 1, done.stderr
    assert "added latency p99, ms" in done.stdout and "pictures/s" in done.stdout, done.stdout
    alone, beside = json.loads(report.read_text())["measurements"]
    assert "beside" not in alone
    for forwarding in (alone["forwarding"], beside["forwarding"]):
        assert forwarding["joins"]["succeeded"] == 4, forwarding["joins"]
        media = forwarding["media"]
        assert media["delivered"] > 0 and media["corrupt"] == media["misdelivered"] == 0, media
        assert forwarding["latency"]["count"] > 0
    viewers = beside["beside"]["pictures"]
    assert len(viewers) == 2 and all(viewer["count"] > 0 for viewer in viewers), viewers
    assert beside["usage"]["media"] > 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--participants", "0"], "--participants"),
        (["--size", "wide"], "wide"),
        (["--check", "/nowhere/thresholds.json"], "/nowhere/thresholds.json"),
    ])
def test_a_wrong_option_is_named(options, word):
    done = bench(*options)
    assert done.returncode != 0 and word in done.stderr, done.stderr
