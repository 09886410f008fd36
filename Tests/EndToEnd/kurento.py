"""A Kurento client of a few lines, for clients that are not browsers."""

import asyncio
import itertools
import json
import time

import websockets


class KurentoError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.data = error.get("data")


class KurentoClient:
    def __init__(self, url):
        self.url = url
        self.ids = itertools.count(1)
        self.waiting = {}
        self.events = []
        self.handlers = []
        self.session = None

    async def __aenter__(self):
        self.socket = await websockets.connect(self.url, max_size=None)
        self.reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_):
        self.reader.cancel()
        await self.socket.close()

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if message.get("method") == "onEvent":
                event = message["params"]["value"]
                self.events.append(event)
                for handler in list(self.handlers):
                    handler(event)
            elif message.get("id") in self.waiting:
                self.waiting.pop(message["id"]).set_result(message)

    async def call(self, method, timeout=15, **params):
        if self.session and "sessionId" not in params:
            params["sessionId"] = self.session
        number = next(self.ids)
        future = asyncio.get_running_loop().create_future()
        self.waiting[number] = future
        await self.socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        answer = await asyncio.wait_for(future, timeout)
        if "error" in answer:
            raise KurentoError(answer["error"])
        result = answer["result"]
        if isinstance(result, dict) and "sessionId" in result:
            self.session = result["sessionId"]
        return result.get("value") if isinstance(result, dict) else result

    async def create(self, kind, **constructor):
        return await self.call("create", type=kind, constructorParams=constructor)

    async def invoke(self, target, operation, **params):
        return await self.call("invoke", object=target, operation=operation, operationParams=params)

    async def subscribe(self, target, kind):
        return await self.call("subscribe", object=target, type=kind)

    async def release(self, target):
        return await self.call("release", object=target)


class Listener:
    """The events of one object, by name, as they come."""

    def __init__(self, client, target):
        self.client, self.target, self.events = client, target, []
        client.handlers.append(self._take)

    def _take(self, event):
        if event["object"] == self.target:
            self.events.append((event["type"], event["data"]))

    async def to(self, *kinds):
        for kind in kinds:
            await self.client.subscribe(self.target, kind)
        return self

    def named(self, kind):
        return [data for name, data in self.events if name == kind]

    async def wait(self, kind, seconds=10):
        deadline = time.monotonic() + seconds
        while not self.named(kind):
            assert time.monotonic() < deadline, f"no {kind}: {self.events}"
            await asyncio.sleep(0.02)
        return self.named(kind)[0]
