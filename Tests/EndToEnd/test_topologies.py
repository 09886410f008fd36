"""The shapes of Kurento's tutorials in real Chromium pages: one to one, one to many, a group call."""

from browsers import AWAKE, Chromium, Page, rates
from conftest import run


async def pages(browser, url, count):
    await browser.open(url)
    return [Page(browser, browser.page)] + [Page(browser, await browser.open_another(url)) for _ in range(count - 1)]


async def in_chromium(scenario):
    browser = await Chromium(*AWAKE).start()
    try:
        return await scenario(browser)
    finally:
        await browser.close()


def test_one_to_one(cluster):
    async def scenario(browser):
        caller, callee = await pages(browser, cluster.http + "/", 2)
        await caller.join()
        await callee.join(caller.pipeline)
        await caller.connect(callee)
        await callee.connect(caller)
        for page in (caller, callee):
            await page.see()
        return await rates((caller, callee), 5)

    shown = run(in_chromium(scenario))
    print("one to one, frames a second:", [f"{rate:.1f}" for rate in shown])
    assert min(shown) >= 24


def test_one_presenter_and_eight_viewers(cluster):
    async def scenario(browser):
        presenter, *viewers = await pages(browser, cluster.http + "/", 9)
        await presenter.join(receives=False)
        for viewer in viewers:
            await viewer.join(presenter.pipeline, sends=False)
            await presenter.connect(viewer)
        for viewer in viewers:
            await viewer.see()
        return await rates(viewers, 6)

    shown = run(in_chromium(scenario))
    print("one to eight, frames a second:", [f"{rate:.1f}" for rate in shown])
    assert min(shown) >= 24


def test_a_group_call_of_three(cluster):
    """Each sends by one endpoint and sees every other one by an endpoint of its own."""

    async def scenario(browser):
        people = await pages(browser, cluster.http + "/", 3)
        pipeline = None
        for person in people:
            await person.join(pipeline, receives=False)
            pipeline = person.pipeline
        seen = []
        for viewer in people:
            for number, speaker in enumerate(people):
                if speaker is viewer:
                    continue
                incoming = viewer.another_call()
                await incoming.join(pipeline, sends=False, name=f"from {number}")
                await speaker.connect(incoming)
                seen.append(incoming)
        for incoming in seen:
            await incoming.see()
        return await rates(seen, 5)

    shown = run(in_chromium(scenario))
    print("group call, frames a second:", [f"{rate:.1f}" for rate in shown])
    assert len(shown) == 6 and min(shown) >= 24
