"""The commands: start, status, embedded, Kurento's own configuration file, a clean end."""

import json
import subprocess

import pytest

from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient
from peer import Peer, ToneTrack
from ports import free_port


def apus(*arguments, timeout=20):
    return subprocess.run([apus_binary(), *arguments], capture_output=True, text=True, timeout=timeout)


def children_of(pid):
    return subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()


def test_every_part_is_a_process_of_its_own_and_ctrl_c_ends_them_all():
    with Cluster() as cluster:
        cluster.wait_ready()
        children = children_of(cluster.process.pid)
        assert len(children) == 4, "redis, controller and two workers"
        guardians, media = zip(*(cluster.guardian(worker) for worker in cluster.workers()))
        named = {*guardians, cluster.status()["controllers"][0]["processID"]}
        assert len(named) == 3 and named <= {int(child) for child in children}
        assert len({*media} - named) == 2, "each worker's media is a process under it"
        children += [str(process) for process in media]
        wait_until(lambda: f"http://localhost:{cluster.port}/" in cluster.log(), 5, cluster.log)
        code, seconds = cluster.stop()
        assert code == 0 and seconds < 10, cluster.log()
        alive = [pid for pid in children if subprocess.run(["ps", "-p", pid], capture_output=True).returncode == 0]
        assert alive == []


def test_embedded_is_the_same_in_one_process():
    with Cluster(embedded=True) as cluster:
        cluster.wait_ready()
        assert children_of(cluster.process.pid) == []

        async def loopback():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
                await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
                await peer.close()

        run(loopback())
        code, seconds = cluster.stop()
        assert code == 0 and seconds < 10, cluster.log()


def test_kurentos_own_configuration_file_is_accepted(tmp_path):
    port = free_port()
    conf = tmp_path / "kurento.conf.json"
    conf.write_text(
        """{
  "mediaServer" : {
    "resources": {
      // "exceptionLimit": "0.8",
      "garbageCollectorPeriod": 240
    },
    "net" : {
      "websocket": { "port": %d, "path": "kurento", "threads": 10, "address": "127.0.0.1" }
    }
  }
}""" % port)
    with Cluster(embedded=True, arguments=("--conf-file", str(conf))) as cluster:
        cluster.port = port
        cluster.wait_ready()

        async def ping():
            async with KurentoClient(cluster.kurento) as client:
                return await client.call("ping", interval=5000)

        assert run(ping()) == "pong"


def test_status_shows_workers_for_people_and_programs(cluster):
    for_programs = apus("status", "--json", "--url", cluster.http)
    assert for_programs.returncode == 0
    assert {w["id"] for w in json.loads(for_programs.stdout)["workers"]} == {"w1", "w2"}
    for_people = apus("status", "--once", "--url", cluster.http)
    assert "w1" in for_people.stdout and "alive" in for_people.stdout


def test_health_readiness_and_metrics(cluster):
    assert cluster.get("/healthz")[0] == 200
    assert cluster.get("/readyz")[0] == 200
    code, text = cluster.get("/metrics")
    assert code == 200 and b'worker="w1"' in text and b"# TYPE apus_" in text


@pytest.mark.parametrize(
    "text, expected",
    [
        ("workers:\n  cuont: 2\n", ["cluster.yml:2", "workers.cuont", "count"]),
        ("media:\n  udp_ports: 40000-\n", ["cluster.yml:2", "media.udp_ports", "40000-40199"]),
        ("workers: [\n", ["cluster.yml:", "YAML"]),
    ])
def test_a_wrong_setting_names_the_line_and_the_fix(tmp_path, text, expected):
    path = tmp_path / "cluster.yml"
    path.write_text(text)
    result = apus("up", "--config", str(path))
    assert result.returncode != 0
    for part in expected:
        assert part in result.stderr, result.stderr


@pytest.mark.parametrize("command", ["", "up", "controller", "worker", "status"])
def test_help_has_an_example(command):
    result = apus(*([command] if command else []), "--help")
    assert result.returncode == 0 and "Example" in result.stdout
