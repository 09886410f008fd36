"""`apus load` against a real cluster: every payload arrives whole, once and for whom it is; and subscribers that
misbehave cost the others nothing."""

import json
import signal
import subprocess
import time

import pytest

from cluster import ROOT, apus_binary


def load(cluster, *options, room):
    """The report, after a run that must succeed."""
    command = [
        apus_binary(), "load", "--url", cluster.http, "--room", room, "--duration", "4", "--warmup", "1", "--json", "-",
        *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)


def nothing_is_wrong(report):
    media = report["media"]
    for counter in (
        "corrupt", "misdelivered", "duplicated", "sequenceErrors", "timestampErrors", "extraStreams", "lost",
    ):
        assert media[counter] == 0, media
    assert media["delivered"] == media["expected"] > 0
    assert report["joins"]["failed"] == 0


@pytest.mark.parametrize("video", ["uniform", "real", "simulcast"])
def test_every_payload_arrives_whole_once_and_for_its_subscriber(cluster, video):
    report = load(
        cluster, "--publishers", "2", "--subscribers", "10", "--video", video, "--audio", room=f"whole-{video}")
    nothing_is_wrong(report)
    assert report["srtpProfiles"] == {"AEAD_AES_128_GCM": 12}


def test_what_the_network_loses_is_sent_again(cluster):
    report = load(cluster, "--subscribers", "10", "--receive-loss", "3", "--max-loss", "1", room="lossy")
    media = report["media"]
    assert media["repaired"] > 0.02 * media["expected"]
    assert media["lossRatio"] < 0.001, media
    assert media["corrupt"] == media["misdelivered"] == media["duplicated"] == media["sequenceErrors"] == 0


@pytest.mark.parametrize(
    "kind", ["nack-storm", "pli-storm", "remb-zero", "remb-huge", "false-twcc", "silent", "no-drain"])
def test_a_subscriber_that_misbehaves_costs_the_others_nothing(cluster, kind):
    report = load(cluster, "--subscribers", "10", "--rogues", "3", "--rogue-kind", kind, room=f"rogue-{kind}")
    added = report["addedLatency"]
    print(f"{kind}: witnesses' added latency p50 {added['p50']:.1f}, p99 {added['p99']:.1f} ms")
    nothing_is_wrong(report)
    # Far above what a busy machine does, far below what a queue behind one of them would be.
    assert added["p99"] < 250


def test_ctrl_c_ends_a_run_with_its_report_and_leaves_the_room(cluster):
    process = subprocess.Popen(
        [apus_binary(), "load", "--url", cluster.http, "--room", "interrupted", "--subscribers", "5", "--duration", "60"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=15)
    assert "delivered" in output and "zero tolerance" in output, output[-2000:]
    assert cluster.status()["controllers"][0]["whip"]["rooms"] == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--subscribers", "-1"], "--subscribers"),
        (["--video", "films"], "--video"),
        (["--url", "ftp://nowhere"], "--url"),
        (["--rogues", "1", "--rogue-kind", "kind"], "--rogue-kind"),
    ])
def test_a_wrong_option_is_named(options, word):
    done = subprocess.run([apus_binary(), "load", *options], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert word in done.stdout + done.stderr
