"""A composite with a real browser in it: its camera is shown, and it sees and hears the mix."""

import pytest

from browsers import AWAKE, Chromium, Firefox, Page, rates
from conftest import run
from kurento import KurentoClient
from test_hubs import PITCHES, RED, Participant
from test_media_browser import LISTEN, SOUND, element


@pytest.mark.parametrize("browser", [Chromium, Firefox])
def test_a_browser_takes_part_in_a_composite(cluster, browser):
    async def scenario():
        window = await (Chromium(*AWAKE) if browser is Chromium else Firefox()).start()
        try:
            await window.open(cluster.http + "/")
            page = Page(window, getattr(window, "page", None))
            await page.join()
            await page.connected()
            await page.ask(LISTEN)
            hub = await element(page, "Composite", width=320, height=240)
            async with KurentoClient(cluster.kurento) as client:
                peer = await Participant(client, page.pipeline, RED, PITCHES[0]).negotiate()
                for endpoint in (page.endpoint, peer.endpoint):
                    port = await client.create("HubPort", hub=hub)
                    await client.invoke(endpoint, "connect", sink=port)
                    await client.invoke(port, "connect", sink=endpoint)
                await page.see()
                await peer.until_sees({(0.75, 0.5): RED})
                assert max(peer.colour(0.25, 0.3)) > 60, "the browser's camera"
                heard = await page.ask(SOUND)
                (rate,) = await rates((page,), 4)
                sound = await page.ask(SOUND)
                await peer.close()
            return rate, sound["packets"] - heard["packets"], sound["energy"] - heard["energy"]
        finally:
            await window.close()

    rate, packets, energy = run(scenario())
    assert 12 <= rate <= 17, rate
    assert packets > 150 and energy > 0.01, (packets, energy)
