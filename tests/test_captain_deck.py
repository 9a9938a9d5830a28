"""The captain's deck in a real browser: a class of thirty with its troubles, clicks, cards, and who may not click.

    MOCEAN_PICTURES=1 pytest tests/test_captain_deck.py

paints the pictures of docs/teaching.md anew. Without it they go into a folder that is thrown away.
"""
import functools
import http.server
import json
import os
import random
import re
import socket
import threading
import time
import wsgiref.simple_server

import pytest
from browser import IMAGES, need
from classroom import NAMES, RUDE, Class, order_of
from conftest import ROOT, Clock, Server, free_port, poll
from test_map_pictures import keep

import mocean

pytestmark = pytest.mark.browser
KEY = 'correct-horse-battery'
PICTURES = bool(os.environ.get('MOCEAN_PICTURES'))
DESK, PHONE = {'width': 1366, 'height': 768}, {'width': 390, 'height': 844}
SOON_S = 10                # so soon after being red a player is at the top


@pytest.fixture
def sea(tmp_path):
    server = Server('mocean', tmp_path, env={'MOCEAN_CAPTAIN': KEY}).start()
    yield server
    server.kill()


@pytest.fixture
def order(sea):
    return order_of(sea, KEY)


def open_deck(browser, sea, complaints=None, viewport=DESK, **options):
    """A page on the deck, the key given in the form; what the browser complains about is added to `complaints`."""
    page = browser.new_context(viewport=viewport, color_scheme='light', **options).new_page()
    page.goto(f'{sea.url}/captain')
    page.fill('input[name=key]', KEY)
    page.click('button')
    assert page.url == f'{sea.url}/captain'
    complaints = [] if complaints is None else complaints
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('console', lambda message: message.type == 'error' and complaints.append(message.text))
    return page


def line(page, name):
    return page.locator(f'#players tr:has(th:text-matches("^(! )?{name}\\\\b"))')


def red(page):
    """The names at the top that need the teacher, as the page has them now."""
    return [text.removeprefix('! ').split(' ')[0] for text in page.locator('tr.red th').all_inner_texts()]


def test_each_trouble_of_a_class_is_at_the_top_and_dealt_with_in_two_clicks(browser, sea, order, request, tmp_path):
    complaints = []
    page, phone = open_deck(browser, sea, complaints), open_deck(browser, sea, complaints, PHONE, is_mobile=True,
                                                                 has_touch=True, device_scale_factor=2)
    children = Class(sea, order)
    request.addfinalizer(children.end)
    lost = children.ids['Omar']
    began = time.monotonic()
    poll(lambda: {'Typo', 'Flood', 'Twin'} <= set(red(page)), SOON_S * 2)          # red after three errors, then SOON_S
    assert time.monotonic() - began < SOON_S + 5
    assert 'the same error' in line(page, 'Typo').inner_text() and 'misspelt' in line(page, 'Typo').inner_text()
    poll(lambda: 'flood' in line(page, 'Flood').inner_text())
    poll(lambda: 'two programs' in line(page, 'Twin').inner_text())
    sea.say(f'/join?name={RUDE}')
    poll(lambda: page.locator(f'.newest:has-text("{RUDE}")').count(), SOON_S)
    top = page.locator('#players tbody tr').nth(0).bounding_box()
    assert top['y'] + top['height'] < DESK['height'] and page.evaluate('document.body.scrollWidth') <= DESK['width']
    assert phone.evaluate('document.body.scrollWidth') <= PHONE['width']
    sizes = phone.locator('button').evaluate_all('all => all.map(button => button.getBoundingClientRect().height)')
    assert all(size >= 44 for size in sizes if size), sizes                # 0: it is behind `more`
    folder = IMAGES if PICTURES else tmp_path
    poll(lambda: len(red(phone)) >= 3, SOON_S)
    keep(page.screenshot(), folder / 'deck.png')
    keep(phone.screenshot(), folder / 'deck_phone.png')

    page.locator('.newest li').filter(has_text=RUDE).locator('button[value=rename]').click()    # one click
    assert RUDE not in sea.say('/who') and 'sailor2' in sea.say('/who')
    line(page, 'Typo').locator('button[value=seen]').click()                                       # one click
    assert 'Typo' not in red(page)
    line(page, 'Flood').locator('summary').click()                                                 # two clicks
    line(page, 'Flood').locator('button[value=kick]').click()
    assert 'Flood' not in sea.say('/who')
    line(page, 'Twin').locator('button[value=recover]').click()                                # one click, and a card
    assert page.url.endswith('?order=cards&names=Twin')
    assert page.locator('.card').count() == 1 and children.ids['Twin'] not in page.content()
    page.goto(f'{sea.url}/captain')
    line(page, 'Omar').locator('button[value=recover]').click()                                    # the lost id
    new = page.locator('.id').inner_text()
    assert sea.say(f'/name?id={new}') == 'Omar' and sea.say(f'/name?id={lost}').status == 404
    page.goto(f'{sea.url}/captain')
    poll(lambda: 'Nina' not in red(page) and line(page, 'Nina').count())    # behind a proxy: well
    assert not children.wrong and complaints == []


def test_the_deck_stands_still_under_a_hand_that_is_about_to_type(browser, sea, order):
    order('enlist', names='Ada,Bob')
    page = open_deck(browser, sea)
    line(page, 'Ada').locator('summary').click()
    line(page, 'Ada').locator('input.new').fill('Grace')
    before = page.locator('#players').inner_text()
    order('enlist', names='Aaron')
    page.wait_for_timeout(4000)
    assert page.locator('#players').inner_text() == before
    line(page, 'Ada').locator('button[value=rename]').click()
    assert {'Grace', 'Aaron', 'Bob'} <= set(page.locator('#players tbody th').all_inner_texts())


def test_a_round_is_led_by_clicks_and_counted_down(browser, sea, order):
    order('enlist', names='Ada,Bob')
    page = open_deck(browser, sea)
    page.fill('input.minutes', '1')
    page.click('button[value=round]')
    assert 'Round 1 waits: 1 minute' in page.locator('#top').inner_text()
    page.click('button[value=start]')
    assert re.search('Round 1 (1:00|0:5)', page.locator('#top').inner_text())
    page.click('button[value=freeze]')
    shown = page.locator('#left').inner_text()
    page.wait_for_timeout(2500)
    assert page.locator('#left').inner_text() == shown and 'frozen' in page.locator('#top').inner_text()
    page.click('button[value=thaw]')
    poll(lambda: page.locator('#left').inner_text() != shown)
    page.locator('#top summary').click()
    page.click('button[value=finish]')
    assert 'Round 1 is over' in page.locator('#top').inner_text()
    page.click('button[value=thaw]')
    assert 'The sea is open' in page.locator('#top').inner_text()


def test_the_wall_shows_the_round_and_its_podium(browser, sea, order):
    """Frozen, ready, running, over: in words that are read from the back of the room."""
    wall = browser.new_page()
    wall.goto(f'{sea.url}/map')
    told = wall.locator('#round')

    def says(words):
        poll(lambda: told.is_visible() and words in told.inner_text())
    order('freeze')
    says('The sea is frozen: eyes on the teacher')
    order('thaw')
    poll(lambda: not told.is_visible())
    order('enlist', names='ada,bob')
    order('round', minutes='5', name='Final')
    says('Final · 5:00 · ready?')
    order('start')
    poll(lambda: re.match('Final\n*4:5', wall.locator('#countdown').inner_text()))
    id = next(boat['id'] for boat in state_of(sea)['boats'].values() if boat['name'] == 'bob')
    for _ in range(12):
        assert sea.say(f'/move?id={id}&heading=east').status == 200
    order('finish')
    says('Final is over')
    poll(lambda: re.match('bob\n', wall.locator('#podium li').first.inner_text()))
    wall.close()


def state_of(sea):
    """The newest state file: each order of a round writes one."""
    return json.loads((sea.folder / 'mocean.json').read_text(encoding='utf-8'))


def test_a_reload_repeats_no_order(browser, sea, order):
    order('enlist', names='Ada')
    page = open_deck(browser, sea)
    page.fill('.orders input.message', 'ahoy')
    with page.expect_navigation():
        page.click('button[value=announce]')
    for _ in range(2):
        page.reload()
    page.go_back(), page.go_forward()
    assert sea.say('/news').count('the captain: ahoy') == 1


def test_names_and_messages_do_nothing_on_the_deck(browser, sea, order):
    order('enlist', names='Ada')
    evil = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'
    order('announce', message=evil)
    id = sea.say('/join?name=eve').split(',')[0]
    for _ in range(3):
        sea.say(f'/move?id={id}&heading={evil}')
    complaints = []
    page = open_deck(browser, sea, complaints)
    for path in ('', '?order=transcript', '?order=roster', '?order=cards', '?order=saved'):
        page.goto(f'{sea.url}/captain{path}')
        assert page.title() != 'owned' and page.locator('img').count() == 0
    assert complaints == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere(tmp_path):
    """Another site's server, which serves what is in a folder."""
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


ATTACK = """<!doctype html><form id=f action="{deck}"><input name=order value=freeze><input name=n value="{n}"></form>
<img src="{deck}?order=freeze&n={n}"><iframe name=inside></iframe>
<script>
fetch('{deck}?order=freeze&n={n}', {{credentials: 'include', mode: 'no-cors'}}).catch(() => 0)
  .then(() => fetch('{deck}', {{credentials: 'include', headers: {{Accept: 'text/html'}}}}))
  .then(reply => reply.text()).catch(() => 'no answer').then(text => {{
    document.title = /name="n"/.test(text) ? 'read' : 'not read';
    f.target = 'inside'; f.submit();
  }});
</script>"""


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1'])
def test_no_order_comes_from_another_sites_page(browser, sea, order, elsewhere, host):
    """Also where it knows an n: from another host, and from another port of the same one."""
    folder, port = elsewhere
    page = open_deck(browser, sea)
    n = page.locator('input[name=n]').first.get_attribute('value')
    (folder / 'evil.html').write_text(ATTACK.format(deck=f'{sea.url}/captain', n=n))
    evil = page.context.new_page()
    evil.goto(f'http://{host}:{port}/evil.html')
    poll(lambda: evil.title() == 'not read')
    evil.wait_for_timeout(500)
    evil.goto('about:blank')
    assert sea.say('/chart').json()['frozen'] is False
    page.goto(f'{sea.url}/captain?order=freeze&n={n}')                   # the very same, from the deck's own browser
    assert sea.say('/chart').json()['frozen'] is True


def test_no_order_comes_from_a_page_of_this_server_that_runs_a_students_program(browser, sea, order, tmp_path):
    """A frame with sandbox="allow-scripts", as /code has it, on a page of the very origin of the deck."""
    page = open_deck(browser, sea)
    n = page.locator('input[name=n]').first.get_attribute('value')
    attack = ATTACK.format(deck=f'{sea.url}/captain', n=n).replace('document.title =', 'window.said =').replace(
        'f.target', 'parent.postMessage(window.said, "*"); f.target')
    room = page.context.new_page()
    room.route('**/map', lambda route: route.fulfill(
        body='<!doctype html><title>room</title>', content_type='text/html'))
    room.goto(f'{sea.url}/map')
    room.evaluate("""attack => {
      addEventListener('message', event => document.title = event.data);
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts allow-forms';
      frame.srcdoc = attack;
      document.body.append(frame);
    }""", attack)
    poll(lambda: room.title() == 'not read')
    room.wait_for_timeout(500)
    assert sea.say('/chart').json()['frozen'] is False


def test_cards_are_eight_to_a_page_and_a_phone_reads_their_codes(browser, sea, order):
    need('zxing-cpp', present('zxingcpp'))
    order('enlist', names=','.join(['Björk', 'Maximilian', 'QuiteALongFirstName1'] + [f'Kid{n}' for n in range(10)]))
    page = open_deck(browser, sea)
    page.goto(f'{sea.url}/captain?order=cards')
    links = page.locator('.qr').evaluate_all('all => all.map(place => place.dataset.link)')
    assert len(links) == 13 and links[0].endswith('/join?name=Bj%C3%B6rk&id=' + page.locator('.id').first.inner_text())
    assert 'localhost' not in links[0]
    sizes = page.locator('.id').evaluate_all('all => all.map(id => [getComputedStyle(id).fontSize, id.scrollWidth, '
                                             'id.parentElement.clientWidth])')
    assert {size for size, _, _ in sizes} == {f'{28 * 96 / 72:.4f}px'} and all(wide < most for _, wide, most in sizes)
    assert page.locator('.card').evaluate_all('all => all.every(card => card.scrollHeight <= card.clientHeight + 1)')
    assert set(page.locator('.id').all_inner_texts()) == set(re.findall('[a-z2-9]{8}(?=</p>)', page.content()))
    for number, code in enumerate(page.locator('.qr').all()):
        assert decoded(code.screenshot()) == [links[number]]
    assert page.pdf(prefer_css_page_size=True).count(b'/Type /Page\n') == 2


def present(module):
    import importlib.util
    return importlib.util.find_spec(module)


def decoded(picture):
    """What a phone reads in a picture."""
    import io

    import zxingcpp
    from PIL import Image
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert('L'))]


def test_the_library_that_draws_codes_is_served_with_its_licence(sea):
    reply = sea.say('/qrcode.js')
    assert reply.headers['Content-Type'].startswith('text/javascript')
    assert reply == (ROOT / 'clients' / 'qrcode.js').read_text() and 'MIT license' in reply
    assert 'Kazuhiko Arase' in (ROOT / 'clients' / 'qrcode.LICENSE').read_text()


# --- a lesson -----------------------------------------------------------------------------------------

class Lesson:
    """A game inside this process, on a clock that the test winds on, and served to real browsers."""

    def __init__(self, folder):
        self.clock = Clock()
        app = mocean.make_app(folder, clock=self.clock)
        self.sea = app.sea
        self.port = free_port()
        self.httpd = wsgiref.simple_server.make_server('127.0.0.1', self.port, mocean.wsgi(app), Threads, Silent)
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()
        self.url = f'http://127.0.0.1:{self.port}'
        self.say('/health')

    say = Server.say

    def minutes(self, number, play=lambda: None):
        """So many minutes pass, and the class plays in each of them."""
        for _ in range(number):
            for _ in range(2):
                self.clock.now += 30
                play()
            poll(lambda: self.sea.tending.acquire(blocking=False))
            self.sea.tending.release()
            mocean.tend(self.sea)

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()
        self.sea.close()


class Threads(mocean.ThreadedServer):
    address_family = socket.AF_INET

    def __init__(self, address, handler):
        wsgiref.simple_server.WSGIServer.__init__(self, address, handler)


class Silent(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    monkeypatch.setenv('MOCEAN_CAPTAIN', KEY)
    monkeypatch.setattr(mocean, 'own_addresses', lambda: ['192.168.1.20'])      # as a school's computer has it
    lesson = Lesson(tmp_path)
    yield lesson
    lesson.close()


def test_a_lesson_of_45_minutes_is_led_from_the_deck_alone(browser, lesson, tmp_path):
    """Enlist, first moves, freeze, a round of ten minutes, podium, season table: every order is a click."""
    folder, complaints, dice = IMAGES if PICTURES else tmp_path, [], random.Random(3)
    page = open_deck(browser, lesson, complaints)

    def picture(name, **options):
        page.mouse.move(0, 0)
        keep(page.screenshot(**options), folder / f'{name}.png')

    def row(ids, some=1.0):
        """Each child who is awake rows and sounds; two have their troubles."""
        for number, (name, id) in enumerate(ids.items()):
            if dice.random() < some and name != 'Emil':
                heading = 'nroth' if name == 'Mei' else 'nesw'[number % 4]
                lesson.say(f'/move?id={id}&heading={heading}&steps={2 + number % 3}')      # a second for both
                lesson.say(f'/ping?id={id}')

    assert 'Nobody is aboard yet' in page.content()                         # minute 0: the cards
    page.fill('input.names', ', '.join(NAMES[:24]))
    page.click('button[value=enlist]')
    ids = dict(zip(page.locator('.card h2').all_inner_texts(), page.locator('.id').all_inner_texts(), strict=True))
    assert len(ids) == 24
    picture('cards')
    page.goto(f'{lesson.url}/captain')
    lesson.minutes(10, lambda: row(ids, 0.7))                               # minute 10: first moves, and who is stuck
    poll(lambda: {'Mei', 'Emil'} <= set(red(page)))
    picture('deck_first_moves')
    line(page, 'Mei').locator('button[value=seen]').click()
    line(page, 'Emil').locator('button[value=seen]').click()
    lesson.minutes(5, lambda: row(ids))
    page.click('button[value=freeze]')                                      # minute 15: eyes on the teacher
    assert 'The sea is frozen' in page.locator('#top').inner_text()
    score = lesson.say('/score')
    lesson.minutes(4, lambda: row(ids))
    assert lesson.say('/score') == score and set(red(page)) <= {'Mei', 'Emil'}
    page.click('button[value=thaw]')
    lesson.minutes(5, lambda: row(ids))
    page.fill('input.minutes', '10')                                        # minute 24: a round
    page.click('button[value=round]')
    assert 'Round 1 waits: 10 minutes' in page.locator('#top').inner_text()
    lesson.minutes(3)
    page.click('button[value=start]')
    lesson.minutes(5, lambda: row(ids, 0.8))
    poll(lambda: page.locator('#left').inner_text().startswith(('5:', '4:5')))
    picture('deck_round')
    lesson.minutes(5, lambda: row(ids, 0.8))                                # minute 37: podium and season
    poll(lambda: 'Round 1 is over' in page.locator('#top').inner_text())
    poll(lambda: page.locator('.season li').count() == 10)
    assert page.locator('.podium li').count() >= 10
    picture('deck_podium')
    best = page.locator('.podium li').first.inner_text().split(' ')[0]
    assert lesson.say('/season').split(',')[1] == best
    page.click('button[value=save]')
    page.click('button[value=thaw]')
    lesson.minutes(8, lambda: row(ids))                                     # minute 45: the bell
    page.goto(f'{lesson.url}/captain?order=saved')
    assert page.locator('tr').count() == 2                                  # before the round, and saved
    picture('deck_saved')
    assert complaints == []
