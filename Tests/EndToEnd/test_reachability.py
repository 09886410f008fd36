"""Where clients come in and how media reaches them: TLS, IPv6, ICE-lite, announced addresses, taken ports."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import time

import pytest
import websockets

from browsers import Chromium
from cluster import Cluster, wait_until
from conftest import run
from kurento import KurentoClient
from peer import Peer, ToneTrack
from ports import free_media_ports, free_port


def make_cluster(listen="127.0.0.1", media="", tls="{listen: []}", workers=1, embedded=True, http=None, udp=None):
    """A small cluster with the sections under test."""
    port = http or free_port()
    first = free_media_ports()
    host = f"[{listen}]" if ":" in listen else listen
    cluster = Cluster(
        embedded=embedded,
        config=f"""\
cluster: test-{port}
signaling: {{listen: ["{host}:{port}"]}}
tls: {tls}
media: {{udp_ports: {udp or f"{first}-{first + 63}"}{", " + media if media else ""}}}
store: {{url: "redis://127.0.0.1:{free_port()}/0"}}
workers: {{count: {workers}}}
""")
    cluster.port = port
    cluster.udp_first = first
    return cluster


async def see_oneself(browser, url):
    """The page's camera to the server and back; milliseconds to the first frame, and its log of the call."""
    await browser.start()
    try:
        await browser.open(url)
        await browser.evaluate("document.querySelector('#start').click(), true")
        await browser.wait_for("window.apus.firstFrameMs !== null || window.apus.error", 20, "no picture")
        error = await browser.evaluate("window.apus.error")
        assert error is None, error
        await browser.wait_for("window.apus.fps > 5", 20, "the picture stands still")
        return await browser.evaluate("window.apus.firstFrameMs")
    finally:
        await browser.close()


async def hear_oneself(cluster, url=None):
    """An aiortc peer's tone to the server and back; the peer, closed."""
    async with KurentoClient(url or cluster.kurento) as client:
        pipeline = await client.create("MediaPipeline")
        peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
        await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
        try:
            await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
            peer.answer = await client.invoke(peer.endpoint, "getLocalSessionDescriptor")
        finally:
            await peer.close()
        return peer


# TLS


def openssl(folder, *extra):
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
        "-out", str(folder / "certificate.pem"), *extra]
    subprocess.run(command, check=True, capture_output=True)


def test_a_page_over_https_with_the_self_signed_certificate():
    tls = free_port()
    with make_cluster(tls=f'{{listen: ["127.0.0.1:{tls}"]}}') as cluster:
        cluster.wait_ready(workers=1)
        wait_until(lambda: f":{tls}/" in cluster.log(), 5, cluster.log)
        first = run(see_oneself(Chromium("--ignore-certificate-errors"), f"https://localhost:{tls}/"))
        print(f"first frame over https after {first:.0f} ms")


@pytest.mark.parametrize("kind", ["two files", "one file", "passphrase"])
def test_a_given_certificate_is_shown(tmp_path, kind):
    openssl(tmp_path, *(["-passout", "pass:secret"] if kind == "passphrase" else ["-noenc"]))
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    lines = f"certificate: {certificate}, key: {key}"
    if kind == "one file":
        certificate.write_text(certificate.read_text() + key.read_text())
        lines = f"certificate: {certificate}"
    elif kind == "passphrase":
        lines += ", password: secret"
    tls = free_port()
    with make_cluster(tls=f'{{listen: ["127.0.0.1:{tls}"], {lines}}}') as cluster:
        cluster.wait_ready(workers=1)
        # Verifies the chain: this certificate and no other.
        trust = ssl.create_default_context(cafile=str(certificate))

        async def ping():
            async with websockets.connect(f"wss://localhost:{tls}/kurento", ssl=trust) as client:
                await client.send('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"interval":5000}}')
                return await asyncio.wait_for(client.recv(), 5)

        assert "pong" in run(ping())


@pytest.mark.parametrize("kind", ["no file", "no key", "wrong passphrase", "rubbish"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path, kind):
    openssl(tmp_path, "-passout", "pass:secret")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    lines = f"certificate: {certificate}, key: {key}, password: wrong"
    if kind == "no file":
        certificate = tmp_path / "not-there.pem"
        lines = f"certificate: {certificate}, key: {key}, password: secret"
    elif kind == "no key":
        lines = f"certificate: {certificate}"
    elif kind == "rubbish":
        certificate.write_text("rubbish\n")
    tls = free_port()
    with make_cluster(tls=f'{{listen: ["127.0.0.1:{tls}"], {lines}}}') as cluster:
        wait_until(lambda: cluster.process.poll() is not None, 10, lambda: "it goes on:\n" + cluster.log())
        assert cluster.process.returncode not in (0, -4, -5, -6, -11)
        message = [line for line in cluster.log().splitlines() if "Error" in line]
        assert message, cluster.log()
        assert "tls." in message[0] or str(certificate) in message[0] or str(key) in message[0], message


def test_a_client_over_tls_that_left_is_gone_and_ctrl_c_waits_for_nobody():
    tls = free_port()
    with make_cluster(tls=f'{{listen: ["127.0.0.1:{tls}"]}}') as cluster:
        cluster.wait_ready(workers=1)
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        address = f"wss://127.0.0.1:{tls}/kurento"

        def is_idle():
            return b"\napus_signaling_websockets 0\n" in cluster.get("/metrics")[1]

        async def scenario():
            async with websockets.connect(address, ssl=trust) as client:
                await client.send('{"jsonrpc":"2.0","id":1,"method":"ping"}')
                await asyncio.wait_for(client.recv(), 5)
                assert not await asyncio.to_thread(is_idle)
            left = time.monotonic()
            await asyncio.to_thread(wait_until, is_idle, 10)
            left = time.monotonic() - left
            async with websockets.connect(address, ssl=trust) as client:
                _, ended = await asyncio.to_thread(cluster.stop)
                await client.wait_closed()
                return left, ended, client.close_code

        left, ended, code = run(scenario())
        print(f"the server noticed after {left:.1f} s; ended after {ended:.1f} s")
        assert code == 1001
        assert ended < 2.5, f"it took {ended:.1f} s to end"
        assert left < 2, f"a closed connection was held for {left:.1f} s"


# Addresses


def test_ipv6_alone():
    with make_cluster(listen="::1", media="interfaces: [lo]") as cluster:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", cluster.port), 1)
        base = f"[::1]:{cluster.port}"

        def ready():
            with contextlib.closing(socket.create_connection(("::1", cluster.port), 1)) as client:
                client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b" 200 " in client.recv(100)

        wait_until(ready, 20, cluster.log)
        # The camera needs a secure page: localhost is one, the literal is not unless it is named.
        first = run(see_oneself(
            Chromium(f"--unsafely-treat-insecure-origin-as-secure=http://{base}"), f"http://{base}/"))
        print(f"first frame over IPv6 after {first:.0f} ms")
        wait_until(lambda: f"http://{base}/" in cluster.log() or "http://localhost" in cluster.log(), 5, cluster.log)


def test_ice_lite():
    with make_cluster(media="ice_lite: true") as cluster:
        cluster.wait_ready(workers=1)
        peer = run(hear_oneself(cluster))
        assert "a=ice-lite" in peer.answer
        run(see_oneself(Chromium(), cluster.http + "/"))


def test_the_announced_address_is_told_and_the_local_one_is_not():
    with make_cluster(media="interfaces: [lo], ipv6: false, announced_addresses: {127.0.0.1: 127.0.0.2}") as cluster:
        cluster.wait_ready(workers=1)

        async def candidates():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
                answer = await client.invoke(peer.endpoint, "getLocalSessionDescriptor")
                await peer.close()
                return peer.candidates, answer

        told, answer = run(candidates())
        assert told and all(" 127.0.0.2 " in candidate for candidate in told), told
        assert " 127.0.0.1 " not in "\n".join(line for line in answer.splitlines() if "candidate" in line)


def test_media_stays_in_its_port_range_and_on_its_interfaces():
    with make_cluster(media="interfaces: [lo], ipv6: false", workers=3, embedded=False) as cluster:
        cluster.wait_ready(workers=3)
        addresses = [address for worker in cluster.workers().values() for address in worker["addresses"]]
        assert len(addresses) == len(set(addresses)) == 3
        for address in addresses:
            host, port = address.rsplit(":", 1)
            assert host == "127.0.0.1" and cluster.udp_first <= int(port) < cluster.udp_first + 64


# What is taken already


@contextlib.contextmanager
def taken(port, kind):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("0.0.0.0" if kind == socket.SOCK_DGRAM else "127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            holder.listen(8)
        yield


def test_udp_ports_that_are_all_taken_are_named():
    first = free_media_ports()
    with taken(first, socket.SOCK_DGRAM), taken(first + 1, socket.SOCK_DGRAM):
        with make_cluster(udp=f"{first}-{first + 1}", workers=1) as cluster:
            wait_until(lambda: cluster.process.poll() is not None, 10, lambda: "it goes on:\n" + cluster.log())
            assert cluster.process.returncode not in (0, -4, -5, -6, -11)
            assert f"{first}-{first + 1}" in cluster.log() or str(first) in cluster.log(), cluster.log()
            assert "udp_ports" in cluster.log() or "UDP" in cluster.log(), cluster.log()


def test_a_udp_port_that_is_taken_is_passed_over():
    first = free_media_ports()
    with taken(first, socket.SOCK_DGRAM):
        with make_cluster(udp=f"{first}-{first + 3}", media="interfaces: [lo]") as cluster:
            cluster.wait_ready(workers=1)
            (worker,) = cluster.workers().values()
            assert all(not address.endswith(f":{first}") for address in worker["addresses"])


@pytest.mark.parametrize("embedded", [True, False], ids=["embedded", "processes"])
def test_a_signalling_port_that_is_taken_is_named(embedded):
    port = free_port()
    with taken(port, socket.SOCK_STREAM):
        with make_cluster(http=port, embedded=embedded) as cluster:
            wait_until(
                lambda: any(f":{port}" in line and "in use" in line for line in cluster.log().splitlines()), 4,
                lambda: "no line says which port is in use:\n" + cluster.log())
            assert "✓ controller" not in cluster.log()
            assert cluster.process.wait(10) != 0


def test_a_second_up_says_what_is_wrong_and_harms_nobody():
    with Cluster() as first:
        first.wait_ready()

        async def scenario():
            async with KurentoClient(first.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
                await client.subscribe(pipeline, "Error")
                await client.subscribe(peer.endpoint, "Error")
                await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
                second = Cluster(config=first.config.read_text())
                try:
                    await asyncio.sleep(5)
                    code, log = second.process.poll(), second.log()
                    errors = [event["data"]["description"] for event in client.events if event["type"] == "Error"]
                    before = peer.frames["audio"]
                    await asyncio.sleep(1)
                    heard = peer.frames["audio"] - before
                finally:
                    await asyncio.to_thread(second.__exit__)
                await peer.close()
                return code, log, errors, heard

        code, log, errors, heard = run(scenario())
        assert errors == [], errors
        assert heard > 25, "the call of the first cluster has ended"
        lines = log.splitlines()
        assert any(f":{first.port}" in line and "in use" in line or "runs already" in line for line in lines), log
        assert "Open " not in log, "it says that it is ready:\n" + log
        assert code not in (None, 0), f"it goes on beside the first:\n{log}"
