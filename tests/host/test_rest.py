#!/usr/bin/env python3
"""REST and WebSocket as clients of other makes see them: urllib, websockets, jsonschema and the parser of
prometheus_client. Usage: test_rest.py REST_SERVER"""
import asyncio, contextlib, json, os, pathlib, re, shutil, socket, subprocess, sys, time, urllib.error, urllib.request

try:
    import jsonschema, websockets
    from prometheus_client.parser import text_string_to_metric_families
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

server = sys.argv[1]


@contextlib.contextmanager
def running(*arguments):
    process = subprocess.Popen([server, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.stdin.close()
        code = process.wait(60)
    assert code == 0, f"the server ended with {code}"


class Client:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        self.port = port

    def ask(self, path, method="GET", body=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path, status=200):
        code, text = self.ask(path)
        assert code == status, (path, code, text)
        return json.loads(text)

    def wait(self, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.2)
        raise AssertionError("waited in vain")


def u64(pair):
    return pair[1] << 32 | pair[0]


def check_openapi(client):
    document = client.get("/openapi.json")
    schema = pathlib.Path("/usr/share/openapi-specification/schemas/v3.0/schema.json")
    if schema.exists():
        jsonschema.Draft4Validator(json.loads(schema.read_text())).validate(document)
        print("openapi: valid by the OpenAPI Initiative's schema")
    else:
        print("openapi: document not validated: no package openapi-specification")
    blocks = u64(client.get("/chain/height")["height"])
    account = client.get("/network/committee")["members"][0]["address"]
    tx = client.get(f"/account/{account}/transactions")
    values = {"height": "1", "limit": "25", "accountId": account, "publicKey": account, "hash": "00" * 32}
    checked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names = re.findall(r"{(\w+)}", path)
            assert sorted(names) == sorted(p["name"] for p in operation["parameters"] if p["in"] == "path")
            if method != "get":
                continue
            url = re.sub(r"{(\w+)}", lambda m: values[m.group(1)], path)
            status, text = client.ask(url)
            response = operation["responses"].get(str(status))
            assert response, (url, status, text)
            content = response["content"]
            if "application/json" in content:
                schema = dict(content["application/json"]["schema"], components=document["components"])
                jsonschema.validate(json.loads(text), schema)
                checked += 1
    assert blocks > 0 and isinstance(tx, list)
    print(f"openapi: {checked} answers have the schemas of the document")


def check_metrics(client):
    status, text = client.ask("/metrics")
    assert status == 200
    families = {f.name: f for f in text_string_to_metric_families(text.decode())}
    for name in ("block_interval_seconds", "block_propagation_seconds", "finality_seconds", "verify_seconds",
                 "pool_depth", "write_queue_depth", "http_seconds"):
        family = families["orrery_" + name]
        assert family.type == "histogram", name
        counts = [s.value for s in family.samples if s.name.endswith("_bucket")]
        total = next(s.value for s in family.samples if s.name.endswith("_count"))
        assert counts == sorted(counts) and counts[-1] == total, name
    assert families["orrery_height"].samples[0].value > 0
    print(f"metrics: {len(families)} families")


def check_programs(client):
    """Unmodified programs of others, where they are installed and run."""
    node = dict(os.environ, NODE_PATH="/usr/share/nodejs")
    there = {program: shutil.which(program) and subprocess.run([program, "--version"], capture_output=True, env=node).returncode == 0
             for program in ("curl", "promtool", "wscat")}
    if there["curl"]:
        text = subprocess.run(["curl", "-sSf", f"{client.base}/chain/height"], capture_output=True, text=True, check=True).stdout
        assert u64(json.loads(text)["height"]) > 0
    if there["promtool"]:
        done = subprocess.run(["promtool", "check", "metrics"], input=client.ask("/metrics")[1], capture_output=True)
        assert done.returncode == 0, done
    if there["wscat"]:
        wscat = subprocess.Popen(["wscat", "-c", f"ws://127.0.0.1:{client.port}/ws", "-x", '{"subscribe": "block"}', "-w", "60"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=node)
        assert any('"channelName":"block"' in line for line in wscat.stdout), "wscat saw no block"
        wscat.kill()
        wscat.communicate()
    for program, runs in there.items():
        print(f"{program}:", "content" if runs else "not tried: it is not installed")


def check_peers(client):
    def told():
        peers = client.get("/node/peers")
        return len(peers) == 2 and all(u64(peer["finalizedHeight"]) > 0 for peer in peers)

    client.wait(told)
    assert u64(client.get("/diagnostic/storage")["firstHeight"]) == 1


def check_faucet(client):
    key = "ab" * 32
    status, text = client.ask("/faucet", "POST", {"recipient": key, "amount": [5000000, 0]})
    assert status == 202, text
    tx = json.loads(text)["hash"]
    assert client.ask("/faucet", "POST", {"recipient": key})[0] == 429  # one is on its way
    groups = []

    def settled():
        group = client.get(f"/transaction/{tx}/status")["group"]
        if group not in groups:
            groups.append(group)
        return group == "finalized"

    client.wait(settled)
    assert groups == [g for g in ("unconfirmed", "confirmed", "finalized") if g in groups], groups
    account = client.get(f"/account/{key}")["account"]
    assert u64(account["mosaics"][0]["amount"]) == 5000000
    print("faucet: paid,", " -> ".join(groups))
    return tx


def check_proxied(client):
    """Behind a proxy on this machine everybody is who the proxy says, not somebody on this machine."""
    def faucet(key, forwarded):
        request = urllib.request.Request(client.base + "/faucet", method="POST", headers={"X-Forwarded-For": forwarded},
                                         data=json.dumps({"recipient": f"{key:064x}", "amount": [1, 0]}).encode())
        try:
            return urllib.request.urlopen(request, timeout=60).status
        except urllib.error.HTTPError as error:
            return error.code

    def paid(key, forwarded):  # a node that has too much to do says 503
        return client.wait(lambda: (lambda code: code if code != 503 else 0)(faucet(key, forwarded)))

    assert [paid(1000 + i, f"10.9.9.{i}, 198.51.100.7") for i in range(11)] == 10 * [202] + [429]
    assert paid(1010, "198.51.100.7, 198.51.100.8") == 202
    print("faucet: ten times for whom a proxy names")


async def check_ws(client):
    async with websockets.connect(f"ws://127.0.0.1:{client.port}/ws") as ws:
        uid = json.loads(await ws.recv())["uid"]
        key = "cd" * 32
        for channel in ("block", "finalizedBlock", f"confirmedAdded/{key}", f"unconfirmedAdded/{key}",
                        f"unconfirmedRemoved/{key}", "status"):
            await ws.send(json.dumps({"uid": uid, "subscribe": channel}))
        await ws.send("x")
        assert "code" in json.loads(await ws.recv())
        await ws.send(json.dumps({"uid": uid, "subscribe": "nothing"}))
        assert "code" in json.loads(await ws.recv())
        status, _ = await asyncio.to_thread(client.ask, "/faucet", "POST", {"recipient": key})
        assert status == 202
        wanted = {"block", "finalizedBlock", "confirmedAdded", "unconfirmedAdded", "unconfirmedRemoved"}
        seen = []
        while not wanted <= set(seen):
            message = json.loads(await asyncio.wait_for(ws.recv(), 60))
            seen.append((message.get("meta") or message)["channelName"])
        first = [seen.index(c) for c in ("unconfirmedAdded", "confirmedAdded")]
        assert first == sorted(first), seen
    print("ws:", len(seen), "messages on", len(wanted), "channels")


def raw(port, data, wait=0.0):
    s = socket.create_connection(("127.0.0.1", port), timeout=15)
    s.sendall(data)
    time.sleep(wait)
    return s


def closed_within(s, seconds):
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def check_transport(client):
    """What browsers and careful programs do before a body, and bodies whose end two programs could see at two places."""
    def answer(head, body=b"", more=b""):
        s = raw(client.port, head.encode() + b"\r\nHost: x\r\n\r\n" + body)
        s.settimeout(15)
        text = s.recv(65536)
        if more:
            s.sendall(more)
            text += s.recv(65536)
        s.close()
        return text.lower()

    may = answer("OPTIONS /transaction HTTP/1.1\r\nOrigin: http://wallet.example\r\nAccess-Control-Request-Method: PUT\r\n"
                 "Access-Control-Request-Headers: content-type")
    assert may.startswith(b"http/1.1 200 "), may
    assert b"access-control-allow-origin: *" in may and b"access-control-allow-headers: content-type" in may, may
    assert b" put\r\n" in may[may.index(b"access-control-allow-methods:"):], may
    body = b'{"hashes":[]}'
    head = "POST /transaction/statuses HTTP/1.1"
    told = answer(f"{head}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue", more=body)
    assert told.startswith(b"http/1.1 100 continue\r\n\r\n") and b"http/1.1 200 " in told, told
    chunks = b"d\r\n" + body + b"\r\n0\r\n\r\n"
    for length in ("", f"\r\nContent-Length: {len(body)}"):
        twice = answer(f"{head}\r\nTransfer-Encoding: chunked{length}", chunks)
        assert twice.startswith(b"http/1.1 400 ") and twice.count(b"http/1.1 ") == 1, twice
    # Requests that do not wait for the answers to those before: without a body they may, with one they are refused, and the
    # daemon goes on (libwebsockets did not).
    get = b"GET /chain/height HTTP/1.1\r\nHost: x\r\n\r\n"
    ask = f"{head}\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    for behind, status in ((get, b"200"), (ask, b"400"), (ask.replace(b"POST", b"GET"), b"400")):
        for first in (get, ask):
            s = raw(client.port, first + behind + get)
            assert closed_within(s, 60)
            s.close()
            s = raw(client.port, first + behind)
            s.settimeout(60)
            text = b""
            while text.count(b"HTTP/1.1 ") < 2:
                piece = s.recv(65536)
                assert piece, (first, behind, text)
                text += piece
            assert text.split(b"HTTP/1.1 ")[2].startswith(status), (first, behind, text)
            s.close()
            assert client.ask("/chain/height")[0] == 200
    print("transport: preflight, 100-continue, no transfer-encoding, no bodies in a pipeline")


def check_hostile(client, process):
    port = client.port
    # Too large: refused before it is sent.
    s = raw(port, b"PUT /transaction HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    assert b" 413 " in s.recv(4096)
    # Slow headers and a slow body are cut.
    slow = [raw(port, b"GET /chain/height HTTP/1.1\r\nHo"),
            raw(port, b"PUT /transaction HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")]
    end = time.monotonic() + 40
    dripping = list(slow)
    while dripping and time.monotonic() < end:
        time.sleep(0.25)
        for s in list(dripping):
            try:
                s.sendall(b"x")
            except OSError:
                dripping.remove(s)
    assert not dripping, f"a request that drips is cut: {[slow.index(s) for s in dripping]}"
    # Garbage and other methods.
    for data in (b"\0\1\2\3\r\n\r\n", b"GET\r\n\r\n", b"DELETE /chain/height HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        s = raw(port, data)
        closed_within(s, 3)
        s.close()
    # More connections than there is room for: the others are served when some have gone.
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    time.sleep(3)
    assert client.wait(lambda: client.ask("/chain/height")[0] == 200)
    for s in crowd:
        s.close()
    # A WebSocket client that never reads is cut at its bound, and costs no more memory than that.
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    s.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert s.recv(16, socket.MSG_WAITALL).startswith(b"HTTP/1.1 101")
    frame = b'{"subscribe":"nothing"}'
    masked = bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0]) + frame
    s.settimeout(60)

    def resident():
        status = open(f"/proc/{process.pid}/status").read()
        return int(re.search(r"RssAnon:\s+(\d+)", status).group(1))

    before = resident()
    cut = False
    try:
        for _ in range(20000):
            s.sendall(masked * 20)  # each is answered by a complaint that nobody reads
    except OSError:
        cut = True
    assert cut, "it is still connected"
    assert resident() - before < 8192, (before, resident())
    assert "orrery_ws_dropped_total" in client.ask("/metrics")[1].decode()
    print("hostile: slow, large, many and deaf clients are cut")


def main():
    with running() as (port, _):
        client = Client(port)
        client.wait(lambda: u64(client.get("/chain/finalized")["height"]) > 0)
        check_openapi(client)
        check_faucet(client)
        asyncio.run(check_ws(client))
        check_metrics(client)
        check_peers(client)
        check_transport(client)
        check_proxied(client)
        check_programs(client)
    with running("small") as (port, process):
        client = Client(port)
        client.wait(lambda: u64(client.get("/chain/height")["height"]) > 0)
        check_hostile(client, process)


main()
