"""The pages for a browser, but for the map, the deck and /code: what they show, on a phone, and nobody is kept out."""
import html
import re

import pytest
from browser import chromium
from conftest import Server, join, poll
from desk import axe
from test_common import BROWSER

import mocean

pytestmark = pytest.mark.browser
PAGES = ['/', '/mocean?id={id}', '/join?name=ada&id={id}', '/join?name=ada', '/progress', '/erddap/index.html',
         '/erddap/info/tracks/index.html', '/erddap/tabledap/tracks.html',
         '/erddap/griddap/bathymetry.html?depth[0:3][0:3]']
SIZES = "[...document.querySelectorAll('body, button')].map(one => parseFloat(getComputedStyle(one).fontSize))"
VIOLATIONS = 'axe.run().then(result => result.violations.map(one => [one.id, one.nodes.map(node => node.html)]))'


@pytest.fixture(scope='module')
def sea(tmp_path_factory):
    server = Server('mocean', tmp_path_factory.mktemp('sea')).start()
    server.id = join(server, 'ada')
    for call in (f'/move?id={server.id}&heading=north', f'/ping?id={server.id}', '/steps?message=passport&name=ada'):
        assert server(call).status == 200
    poll(lambda: 'ada' in server('/erddap/tabledap/soundings.csv'))
    yield server
    server.kill()


@pytest.fixture(scope='module')
def phone():
    with chromium() as browser:
        page = browser.new_context(viewport={'width': 390, 'height': 844}).new_page()
        page.complaints = []
        page.on('pageerror', lambda error: page.complaints.append(str(error)))
        yield page


@pytest.mark.parametrize('path', PAGES)
def test_a_page_is_read_on_a_phone_and_keeps_nobody_out(phone, sea, path):
    status = phone.goto(sea.url + path.format(id=sea.id)).status
    assert status == (409 if path == '/join?name=ada' else 200)
    assert min(phone.evaluate(SIZES)) >= 20
    assert phone.locator('table').count() or phone.evaluate('document.documentElement.scrollWidth') <= 390
    for scheme in ('light', 'dark'):
        phone.emulate_media(color_scheme=scheme)
        phone.evaluate(axe())
        assert phone.evaluate(VIOLATIONS) == []
    links = [html.unescape(link) for link in re.findall('href="([^"]+)"', phone.content())]
    names = [re.match(r'https?://[^/]+/([a-z.]*)', link)[1] for link in links if link.startswith('http')]
    assert not [name for name in names if name in mocean.BY_NAME and mocean.BY_NAME[name].changes]
    assert phone.complaints == []


def test_who_joins_in_a_browser_moves_and_looks_by_buttons(phone, sea):
    phone.goto(f'{sea.url}/join?name=nia')
    id, _, x, y, _ = phone.locator('code').first.inner_text().split(',')
    said = phone.get_by_role('status').locator('code')
    for word, call, answered in (('north', f'move?id={id}&heading=north', f'{x},{(int(y) + 1) % 400},0'),
                                 ('southeast', f'move?id={id}&heading=southeast', f'{(int(x) + 1) % 600},{y},0'),
                                 ('look', f'look?id={id}', None), ('ping', f'ping?id={id}', None)):
        button = phone.get_by_role('button', name=word, exact=True)
        assert button.bounding_box()['height'] >= 44 and button.bounding_box()['width'] >= 44
        button.click()
        poll(lambda: said.nth(1).inner_text() not in ('', '...'))
        assert said.nth(0).inner_text() == f'{sea.url}/{call}'
        if answered:
            assert said.nth(1).inner_text() == answered
        else:                                                       # whales swim on meanwhile: their numbers differ
            told = said.nth(1).inner_text(), sea(f'/{call}') or 'nothing near'
            assert len({re.sub('[0-9.]+', '0', text) for text in told}) == 1
    phone.context.grant_permissions(['clipboard-read'], origin=sea.url)
    phone.get_by_role('button', name='Copy it').click()
    assert phone.evaluate('navigator.clipboard.readText()') == id
    assert phone.get_by_role('button', name='Copied').count() == 1
    links = {link.get_attribute('href') for link in phone.get_by_role('link').all()}
    assert links == {f'{sea.url}/code#id={id}&level=1', f'{sea.url}/map#follow=nia'}


def test_who_comes_back_leaves_no_id_in_the_address(phone, sea):
    phone.goto(f'{sea.url}/join?name=ada&id={sea.id}')
    assert phone.url == f'{sea.url}/join?name=ada' and sea.id in phone.locator('code').first.inner_text()


def test_a_name_that_is_taken_is_said_in_a_page_and_to_a_program_as_ever(sea):
    page = sea('/join?name=ADA', headers={'Accept': BROWSER})
    assert page.status == 409 and page.headers['Content-Type'] == 'text/html; charset=utf-8'
    plain = sea('/join?name=ADA')
    assert plain.headers['Content-Type'] == 'text/plain; charset=utf-8' and plain.lines[1].startswith('try: http')
    assert [html.escape(line) in page for line in plain.lines] == [True, True] and '<a ' not in page
    assert '<b>' not in sea('/join?name=<b>bold', headers={'Accept': BROWSER})


def test_who_comes_by_the_qr_code_types_a_name(phone, sea):
    phone.goto(f'{sea.url}/join')
    assert 'Choose one of 1 to 20 letters' in phone.locator('main').inner_text()
    phone.get_by_label('The name of your boat').fill('yu-ki')
    phone.get_by_role('button', name='Join').click()
    assert 'a name is 1 to 20 letters or digits' in phone.locator('main').inner_text()
    assert phone.get_by_label('The name of your boat').input_value() == 'yuki'
    phone.get_by_role('button', name='Join').click()
    assert 'Welcome aboard, yuki' in phone.locator('main').inner_text()
    id = phone.locator('#id').inner_text()
    phone.goto(f'{sea.url}/score')
    for come_again in (phone.go_back, phone.reload):            # a phone does so by itself, when it is short of room
        come_again()
        phone.get_by_text('Welcome aboard, yuki').wait_for()
        assert phone.locator('#id').inner_text() == id and phone.url == f'{sea.url}/join?name=yuki'
    phone.goto(f'{sea.url}/join?name=yuki')                         # but who types a name that is taken is told so
    assert 'the name yuki is taken' in phone.locator('main').inner_text()


@pytest.mark.parametrize('path', ['/course', '/move?id={id}&heading=nroth', '/lok?id={id}', '/steps?message=no'])
def test_a_browser_shows_the_very_words_of_a_program_in_large_type(phone, sea, path):
    path = path.format(id=sea.id)
    phone.goto(sea.url + path)
    shown = phone.locator('main')
    assert shown.inner_text().strip() == sea(path)
    assert shown.evaluate('shown => parseFloat(getComputedStyle(shown.firstElementChild).fontSize)') >= 20
    assert phone.evaluate('document.documentElement.scrollWidth <= innerWidth')


def test_what_java_asks_for_by_habit_is_answered_in_text(sea):
    accept = {'Accept': 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2'}
    for path in (f'/location?id={sea.id}', f'/join?name=ada&id={sea.id}', f'/move?id={sea.id}&heading=nroth'):
        reply = sea(path, headers=accept)
        assert reply == sea(path) and reply.headers['Content-Type'] == 'text/plain; charset=utf-8'


def test_the_class_board_keeps_itself_fresh(phone, sea):
    phone.goto(f'{sea.url}/progress')
    assert phone.get_by_role('rowheader').all_inner_texts() == ['ada']
    sea('/steps?message=passport&name=bob')
    phone.get_by_role('rowheader', name='bob').wait_for(timeout=20_000)
