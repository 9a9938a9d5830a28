"""A real Chromium for the tests of the map, without a window, a network or a memory of the last run."""
import contextlib
import os
import pathlib
import shutil

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
SWITCHES = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync']
IMAGES = pathlib.Path(__file__).resolve().parent.parent / 'docs' / 'img'


def need(what, present):
    """Without Chromium or a screen a test is skipped at home, visibly; in CI it fails."""
    if not present and os.environ.get('CI') == 'true':
        pytest.fail(f'{what} is missing, and in CI everything must run')
    if not present:
        pytest.skip(f'{what} is missing')


@contextlib.contextmanager
def chromium(*switches):
    from playwright.sync_api import sync_playwright
    need('Chromium', CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*SWITCHES, *switches])
        yield browser
        browser.close()


@pytest.fixture(scope='module')
def browser():
    """One for all tests of a file."""
    with chromium() as browser:
        yield browser


def open_map(browser, address, complaints, **options):
    """A fresh page on the map; whatever the browser complains about is added to `complaints`.

    Five minutes without tracks are a 404 in the manner of ERDDAP: the browser mentions it, the map copes.
    """
    def listen(message):
        if message.type == 'error' and '/erddap/' not in message.location['url']:
            complaints.append(message.text)
    options = {'viewport': {'width': 1280, 'height': 720}, 'color_scheme': 'dark', **options}
    page = browser.new_context(**options).new_page()
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('console', listen)
    page.goto(address)
    return page
