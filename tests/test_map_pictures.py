"""The pictures in docs/img: a class of twelve bots, seen on the wall.

    MOCEAN_PICTURE_MINUTES=10 pytest tests/test_map_pictures.py

paints them anew. Without it the same happens in a few seconds, and the pictures go into a folder that is thrown away.
"""
import os
import threading

import bots
import pytest
from browser import IMAGES, chromium, open_map
from conftest import Server, poll

MINUTES = float(os.environ.get('MOCEAN_PICTURE_MINUTES', '0'))


@pytest.mark.browser
def test_a_class_of_twelve_on_the_wall(tmp_path):
    folder = IMAGES if MINUTES else tmp_path
    server, stop, complaints = Server('mocean', tmp_path).start(), threading.Event(), []
    try:
        class_of_bots = bots.set_out(server, stop)
        with chromium() as browser:
            stop.wait(MINUTES * 60)
            for name, theme, view in [('map_chart', 'dark', 'chart'), ('map_planet', 'dark', 'planet'), ('map_chart_light', 'light', 'chart'),
                                      ('map_planet_light', 'light', 'planet')]:
                page = open_map(browser, f'{server.url}/map#view={view}', complaints, viewport={'width': 1600, 'height': 900}, color_scheme=theme)
                poll(lambda: page.evaluate("document.querySelectorAll('#board tbody tr').length") == len(class_of_bots), 20)    # noqa: B023
                poll(lambda: page.evaluate('mocean.painted_all() && mocean.places.size > 0'), 60)                              # noqa: B023
                page.screenshot(path=folder / f'{name}.png')
                assert (folder / f'{name}.png').stat().st_size > 50_000
                page.context.close()
        charted = len(server('/chart').json()['sectors'])
        assert charted > len(class_of_bots)
        assert complaints == []
    finally:
        stop.set()
        server.kill()
