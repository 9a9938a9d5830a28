"""The pictures in docs/img: a class of twelve bots, seen on the wall.

    MOCEAN_PICTURE_MINUTES=10 pytest tests/test_map_pictures.py

paints them anew. Without it the same happens in a few seconds, and the pictures go into a folder that is thrown away.
"""
import io
import os
import threading

import bots
import pytest
from browser import IMAGES, chromium, open_map
from conftest import Server, poll
from PIL import Image

MINUTES = float(os.environ.get('MOCEAN_PICTURE_MINUTES', '0'))
LINES = "document.querySelectorAll('#board tbody tr').length"
PAINTED = 'mocean.painted_all() && mocean.places.size > 0'
FIXES = 'Math.max(...[...mocean.ocean.boats.values()].map(boat => boat.fixes.length))'
LONG_WAKE = 15 if MINUTES else 2         # a wake is as long as we have watched


def keep(shot, path):
    """Save a screenshot with the two lowest bits of each colour cleared: nobody sees it, and it is half the size.

    Answer how many bytes it has.
    """
    Image.open(io.BytesIO(shot)).convert('RGB').point(lambda value: value & 0xFC).save(path, optimize=True)
    return path.stat().st_size


@pytest.mark.browser
def test_a_class_of_twelve_on_the_wall(tmp_path):
    folder = IMAGES if MINUTES else tmp_path
    server, stop, complaints, class_of_bots = Server('mocean', tmp_path).start(), threading.Event(), [], []
    try:
        class_of_bots = bots.set_out(server, stop)
        with chromium() as browser:
            stop.wait(MINUTES * 60)
            for view, theme in [('chart', 'dark'), ('planet', 'light')]:
                page = open_map(browser, f'{server.url}/map#view={view}', complaints,
                                viewport={'width': 1440, 'height': 810}, color_scheme=theme)
                ask = page.evaluate
                poll(lambda ask=ask: ask(LINES) == len(class_of_bots), 20)
                poll(lambda ask=ask: ask(PAINTED), 60)
                poll(lambda ask=ask: ask(FIXES) >= LONG_WAKE, 60)
                assert 50_000 < keep(page.screenshot(), folder / f'map_{view}.png') < 450_000
                page.context.close()
        charted = len(server('/chart').json()['sectors'])
        assert charted > len(class_of_bots)
        assert complaints == []
    finally:
        stop.set()
        for bot in class_of_bots:
            bot.join(10)
        server.kill()
