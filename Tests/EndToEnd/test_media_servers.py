"""PlayerEndpoint and RecorderEndpoint with servers: recordings go there and are played from there, by HTTP and HTTPS."""

import asyncio
import contextlib
import datetime
import http.server
import ipaddress
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import Cluster
from conftest import run
from kurento import KurentoClient, Listener
from test_media_files import Viewer, folder, publisher  # noqa: F401 (a fixture)

PRIVATE = "files:\n  private_servers: true\n"


class Store(http.server.BaseHTTPRequestHandler):
    """A server that keeps what is put and gives it back, as Kurento's repository does."""

    kept: dict[str, bytes] = {}
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        if self.path.startswith("/closed"):
            self.send_error(403)
            self.close_connection = True
            return
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        self.kept[self.path] = body
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        body = self.kept.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(identity=None):
    """The store's address; by TLS with the certificate and the key in the file `identity`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    if identity:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        # The handshake in the connection's thread: one that is refused disturbs no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{'https' if identity else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def store():
    with serve() as address:
        yield address


async def record_and_play(cluster, store):
    """A call is recorded to the server; what was kept there is played."""
    async with KurentoClient(cluster.kurento) as client:
        pipeline = await client.create("MediaPipeline")
        peer = await publisher(client, pipeline)
        recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=f"{store}/call")
        await client.invoke(peer.endpoint, "connect", sink=recorder)
        await client.invoke(recorder, "record")
        await asyncio.sleep(4)
        await client.invoke(recorder, "stopAndWait")
        await peer.close()
        viewer = await Viewer(client, pipeline).negotiate()
        player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"{store}/call")
        heard = await Listener(client, player).to("EndOfStream", "Error")
        await client.invoke(player, "connect", sink=viewer.endpoint)
        await client.invoke(player, "play")
        await heard.wait("EndOfStream")
        assert viewer.frames["video"] > 40 and viewer.frames["audio"] > 100, viewer.frames
        await viewer.close()
        await client.release(pipeline)
    assert Store.kept["/call"][:4] == b"\x1a\x45\xdf\xa3"


async def failure_of_player(client, pipeline, uri):
    player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=uri)
    failed = await Listener(client, player).to("Error")
    await client.invoke(player, "play")
    return (await failed.wait("Error"))["type"]


async def failure_of_recorder(client, pipeline, source, uri):
    recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=uri)
    failed = await Listener(client, recorder).to("Error")
    await client.invoke(source, "connect", sink=recorder)
    await client.invoke(recorder, "record")
    return (await failed.wait("Error"))["type"]


def test_a_recording_goes_to_a_server_and_is_played_from_there(store):
    async def refusals(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            assert await failure_of_player(client, pipeline, f"{store}/missing") == "RESOURCE_ERROR_NOT_FOUND"
            assert await failure_of_player(client, pipeline, "http://127.0.0.1:9/x") == "RESOURCE_ERROR_OPEN"

    with Cluster(extra=PRIVATE) as cluster:
        run(record_and_play(cluster.wait_ready(), store))
        run(refusals(cluster))


def certificate(name, issuer=None, address=None):
    """A certificate and its key: an authority's, or, with an issuer, of the server at that address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signer, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(signer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True))
    if address:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signing, hashes.SHA256()), key


def write_identity(path, certificate, key):
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_server_of_https_has_to_prove_who_it_is(folder):  # noqa: F811
    authority = certificate("an authority that the machine trusts")
    stranger = certificate("one that it does not")
    trusted = folder / "trusted.pem"
    trusted.write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    proven = write_identity(folder / "proven.pem", *certificate("store", authority, "127.0.0.1"))
    unproven = write_identity(folder / "unproven.pem", *certificate("store", stranger, "127.0.0.1"))
    misnamed = write_identity(folder / "misnamed.pem", *certificate("store", authority, "192.0.2.1"))

    async def refusals(cluster, stores):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            for store in stores:
                assert await failure_of_player(client, pipeline, f"{store}/call") == "RESOURCE_ERROR_OPEN"
                refused = await failure_of_recorder(client, pipeline, peer.endpoint, f"{store}/refused")
                assert refused == "RESOURCE_ERROR_OPEN"
            await peer.close()

    with Cluster(extra=PRIVATE, trusted=trusted) as cluster, serve(proven) as store:
        run(record_and_play(cluster.wait_ready(), store))
        with serve(unproven) as first, serve(misnamed) as second:
            run(refusals(cluster, [first, second]))
    assert "/refused" not in Store.kept
