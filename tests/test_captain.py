"""The captain's deck: who may give orders, what each order does, and what it leaves as it was."""
import contextlib
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import pytest
from conftest import ROOT, Clock, Server, as_killed, free_port, join, place, poll, woken
from hypothesis import given, settings
from hypothesis import strategies as st

import mocean

KEY = 'correct-horse-battery'
FROZEN = 'the sea is frozen, eyes on the teacher'


class Class:
    """A game inside this process, with a captain and a clock that the test winds on."""

    def __init__(self, say, clock):
        self.say, self.clock, self.sea = say, clock, say.app.sea

    def order(self, order, /, **values):
        return self.say('/captain?' + urllib.parse.urlencode({'key': KEY, 'order': order, **values}))

    def json(self, order='deck', /, **values):
        return self.order(order, format='json', **values).json()

    def row(self, name):
        return next(row for row in self.json()['players'] if row['name'] == name)

    def wait(self, seconds):
        """Sea time goes on, and the sea is tended."""
        self.clock.now += seconds
        mocean.tend(self.sea)

    def open_deck(self, path='/captain', headers=None, cookie=None):
        headers = {'Accept': 'text/html', **(headers or {})}
        if cookie:
            headers['Cookie'] = cookie
        self.say.web.reset()                                              # it keeps cookies by itself
        return self.say(path, headers=headers)

    def cookie(self):
        reply = self.open_deck(f'/captain?key={KEY}')
        self.say.web.reset()
        return reply.headers['Set-Cookie'].split(';')[0]

    def n(self, cookie):
        return re.search('name="n" value="([^"]+)"', self.open_deck(cookie=cookie))[1]


@contextlib.contextmanager
def a_class(folder, **options):
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MOCEAN_CAPTAIN', KEY)
        patch.setattr(mocean, 'keep_tending', lambda sea: None)           # see Class.wait
        with woken(folder, clock=clock, **options) as say:
            say('/health')
            lesson = Class(say, clock)
            lesson.wait(0)
            yield lesson


@pytest.fixture
def lesson(tmp_path):
    with a_class(tmp_path / 'state') as lesson:
        yield lesson


def document(sea):
    """All that the ocean is, but for what every run and journal line changes."""
    with sea.lock:
        whole = json.loads(json.dumps(mocean.document_of(sea.ocean)))
    return {name: rows for name, rows in whole.items() if name not in ('runs', 'number', 'last', 'soundings')}


# --- access ---------------------------------------------------------------------------------------

def test_without_a_key_there_is_no_captain(tmp_path):
    with woken(tmp_path) as say:
        assert say('/captain').status == 404


def test_a_short_key_is_no_key(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv('MOCEAN_CAPTAIN', 'elevenchars')
    with woken(tmp_path) as say:
        assert say('/captain?key=elevenchars').status == 404
    said = capfd.readouterr().err
    assert 'too short' in said and 'elevenchars' not in said


def test_the_key_leaves_the_environment_before_any_rider_is_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'my_routes.py').write_text(
        'import os\ndef ride(game, sea):\n    assert "MOCEAN_CAPTAIN" not in os.environ\n    return game.Rider()\n')
    with a_class(tmp_path / 'state') as lesson:
        assert 'MOCEAN_CAPTAIN' not in os.environ and len(lesson.sea.riders) == 4


def test_an_order_without_the_key_is_refused(lesson):
    for query in ('', '?order=freeze', f'?key={KEY}x&order=freeze', '?key=&order=freeze'):
        reply = lesson.say(f'/captain{query}')
        assert reply.status == 403 and 'try: http' in reply
    assert not lesson.sea.is_frozen()


def test_wrong_keys_are_logged_and_rationed_and_never_delay_who_has_the_cookie(lesson, capfd):
    cookie = lesson.cookie()
    statuses = [lesson.say(f'/captain?key=wrong-{number}').status for number in range(40)]
    assert statuses[:10] == [403] * 10 and statuses[-20:] == [429] * 20
    reply = lesson.say('/captain?key=wrong')
    assert int(reply.headers['Retry-After']) > 0
    assert lesson.open_deck(cookie=cookie).status == 200
    said = capfd.readouterr().err
    assert 'wrong key' in said and 'wrong-1' not in said and KEY not in said


def test_a_wrong_key_is_told_to_be_wrong(lesson):
    assert 'not the key' in lesson.say('/captain?key=wrong') and 'not the key' not in lesson.say('/captain')
    assert 'That was not the key.' in lesson.open_deck('/captain?key=wrong')
    assert 'not the key' not in lesson.open_deck('/captain')


def test_keys_are_compared_in_constant_time(lesson, monkeypatch):
    """Every comparison goes through hmac.compare_digest, and of seals, which are all of one length."""
    import captain
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return one == other
    monkeypatch.setattr(captain.hmac, 'compare_digest', compare)
    for key in ('a', KEY[:-1], KEY + 'x', KEY):
        lesson.say(f'/captain?key={key}')
    assert set(compared) == {(64, 64), (32, 32)} or {one == other for one, other in compared[1::2]} == {True}
    assert '==' not in ''.join(line for line in (ROOT / 'captain.py').read_text().splitlines() if 'self.key' in line)


def test_in_a_browser_the_key_is_taken_once_and_gone_from_the_address(lesson):
    reply = lesson.open_deck(f'/captain?key={KEY}')
    assert (reply.status, reply.headers['Location']) == (303, 'http://localhost:80/captain')
    cookie = reply.headers['Set-Cookie']
    assert 'HttpOnly' in cookie and 'SameSite=Strict' in cookie and 'Path=/captain;' in cookie and KEY not in cookie
    deck = lesson.open_deck(cookie=cookie.split(';')[0])
    assert deck.status == 200 and 'The captain' in deck and KEY not in deck


@pytest.mark.parametrize('path', ['/captain?key={}&order=freez', '/captain?key={}&order=rename&name=x',
                                  '/captain?key={}&order=freeze', '/captain?key={}&order=roster', '/captain?key={}'])
def test_no_address_with_the_key_stays_in_a_browser(lesson, path):
    for cookie in (None, lesson.cookie()):
        reply = lesson.open_deck(path.format(KEY), cookie=cookie)
        assert reply.status == 303 and 'key' not in reply.headers['Location']


def test_behind_a_front_the_cookie_is_that_oceans_own(lesson):
    reply = lesson.open_deck(f'/captain?key={KEY}', {'X-Forwarded-Prefix': '/tuesday', 'X-Forwarded-Proto': 'https'})
    assert 'Path=/tuesday/captain;' in reply.headers['Set-Cookie'] and 'Secure' in reply.headers['Set-Cookie']
    assert reply.headers['Location'] == 'https://localhost:80/tuesday/captain'
    cookie = reply.headers['Set-Cookie'].split(';')[0]
    deck = lesson.open_deck(headers={'X-Forwarded-Prefix': '/tuesday'}, cookie=cookie)
    assert 'action="/tuesday/captain"' in deck and 'action="/captain"' not in deck


def test_a_cookie_is_good_for_a_day_at_school(lesson, monkeypatch):
    cookie = lesson.cookie()
    now = time.time()
    monkeypatch.setattr('captain.time.time', lambda: now + 13 * 3600)
    assert lesson.open_deck(cookie=cookie).status == 403


@pytest.mark.parametrize('cookie', ['captain=', 'captain=x', 'captain=1-a-b', 'captain=9999999999-aa-' + 32 * 'f',
                                    'captain=é', 'captain=' + 5000 * 'a'])
def test_a_made_up_cookie_opens_nothing(lesson, cookie):
    assert lesson.open_deck(cookie=cookie.encode('utf-8').decode('latin-1')).status == 403


def test_a_click_happens_once_however_often_it_is_loaded(lesson):
    join(lesson.say, 'ada')
    cookie = lesson.cookie()
    n = lesson.n(cookie)
    for _ in range(3):
        reply = lesson.open_deck(f'/captain?order=mute&name=ada&n={n}', cookie=cookie)
        assert (reply.status, reply.headers['Location']) == (303, 'http://localhost:80/captain')
    assert lesson.row('ada')['muted'] == 1
    lesson.open_deck(f'/captain?order=mute&name=ada&n={lesson.n(cookie)}', cookie=cookie)
    assert lesson.row('ada')['muted'] == 0


def test_two_clicks_at_once_are_one(lesson):
    join(lesson.say, 'ada')
    cookie = lesson.cookie()
    n = lesson.n(cookie)
    clicks = [threading.Thread(target=lesson.open_deck, args=(f'/captain?order=mute&name=ada&n={n}', None, cookie))
              for _ in range(8)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert lesson.row('ada')['muted'] == 1


def test_an_order_of_a_page_needs_an_n_that_the_deck_has_minted(lesson):
    cookie = lesson.cookie()
    good = lesson.n(cookie)
    for n in ('', '1', good[:-1] + ('0' if good[-1] != '0' else '1'), '9' + good, cookie.partition('=')[2]):
        reply = lesson.open_deck(f'/captain?order=freeze&n={n}', cookie=cookie)
        assert reply.status == 409 and 'load the deck' in reply
    assert not lesson.sea.is_frozen()


def test_an_order_of_a_page_from_before_a_restart_is_refused(tmp_path):
    with a_class(tmp_path / 'state') as lesson:
        cookie = lesson.cookie()
        n = lesson.n(cookie)
    with a_class(tmp_path / 'state') as lesson, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson.sea.riders[2].tend.__closure__[0].cell_contents, 'born', time.time() + 5)
        assert lesson.open_deck(cookie=cookie).status == 200               # the cookie is still good
        assert lesson.open_deck(f'/captain?order=freeze&n={n}', cookie=cookie).status == 409


@pytest.mark.parametrize('site', ['cross-site', 'same-site'])
def test_what_another_page_sends_is_not_believed(lesson, site):
    cookie = lesson.cookie()
    n = lesson.n(cookie)
    reply = lesson.open_deck(f'/captain?order=freeze&n={n}', {'Sec-Fetch-Site': site}, cookie)
    assert reply.status == 403 and not lesson.sea.is_frozen()


def test_head_and_a_browser_guessing_ahead_order_nothing(lesson):
    cookie = lesson.cookie()
    n = lesson.n(cookie)
    lesson.say(f'/captain?key={KEY}&order=freeze', method='HEAD')
    lesson.say(f'/captain?order=freeze&n={n}', method='HEAD', headers={'Accept': 'text/html', 'Cookie': cookie})
    reply = lesson.open_deck(f'/captain?order=freeze&n={n}', {'Sec-Purpose': 'prefetch'}, cookie)
    assert reply.status == 503 and not lesson.sea.is_frozen()
    assert lesson.say(f'/captain?key={KEY}&order=freeze', method='POST').status == 405


def test_a_program_may_give_an_order_its_own_n(lesson):
    join(lesson.say, 'ada')
    first, again = lesson.order('mute', name='ada', n='1'), lesson.order('mute', name='ada', n='1')
    assert first == again == 'ada may not send messages'
    assert lesson.order('mute', name='ada', n='2') == 'ada may send messages'


def test_no_order_can_be_misread(lesson):
    assert 'did you mean freeze?' in lesson.order('freez')
    assert 'orders are' in lesson.order('xyzzy')
    assert 'name is missing' in lesson.order('rename', new='bob')
    assert 'mute has no parameter nmae' in lesson.order('mute', name='ada', nmae='ada')
    assert "nobody here is called 'ada'" in lesson.order('mute', name='ada')
    join(lesson.say, 'ada')
    assert 'did you mean ada?' in lesson.order('mute', name='aba')
    assert lesson.order('mute', name='aba').status == 404


def test_an_order_on_the_deck_that_cannot_be_done_is_said_there(lesson):
    cookie = lesson.cookie()
    lesson.open_deck(f'/captain?order=mute&name=<b>x&n={lesson.n(cookie)}', cookie=cookie)
    deck = lesson.open_deck(cookie=cookie)
    assert 'nobody here is called &#x27;&lt;b&gt;x&#x27;' in deck


def test_names_and_messages_are_inert_on_every_page(lesson):
    join(lesson.say, 'ada')
    evil = '<img src=x onerror=alert(1)>"\'&'
    id = join(lesson.say, 'eve')
    lesson.say(f'/sendchat?id={id}&name=all&message={urllib.parse.quote(evil)}')
    lesson.say(f'/move?id={id}&heading={urllib.parse.quote(evil)}')
    lesson.order('announce', message=evil)
    lesson.order('round', name=evil[:40])
    cookie = lesson.cookie()
    for order in ('deck', 'transcript', 'roster', 'saved', 'cards'):
        page = lesson.open_deck(f'/captain?order={order}', cookie=cookie)
        assert page.status == 200 and '<img' not in page
        policy = page.headers['Content-Security-Policy']
        nonce = re.search("script-src 'nonce-([^']+)'", policy)[1]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert set(re.findall('<script nonce="([^"]+)"', page)) <= {nonce}
    assert html.escape(evil) in lesson.open_deck('/captain?order=transcript', cookie=cookie)


def test_the_key_is_nowhere_but_in_the_first_call(tmp_path, capfd):
    with a_class(tmp_path / 'state') as lesson:
        id = join(lesson.say, 'ada')
        cookie = lesson.cookie()
        for path in (f'/captain?key={KEY}&order=frieze', f'/mvoe?id={id}&key={KEY}', f'/move?id={id}&heading={KEY}',
                     f'/captian?key={KEY}', f'/join?name={KEY}'):
            lesson.say(path)
        for name in ('freeze', 'thaw', 'save', 'round', 'start', 'finish'):
            lesson.order(name)
        for page in (lesson.open_deck(cookie=cookie), lesson.open_deck('/captain?order=saved', cookie=cookie),
                     lesson.say('/mocean'), lesson.say('/openapi.json'), lesson.say('/chart'), lesson.say('/health')):
            assert KEY not in page
    assert KEY not in capfd.readouterr().err
    for path in (tmp_path / 'state').rglob('*'):
        assert KEY not in path.name and (path.is_dir() or KEY.encode() not in path.read_bytes())


def test_frozen_or_not_no_call_of_a_player_reaches_an_order(lesson):
    id = join(lesson.say, 'ada')
    for _ in range(2):
        for route in ('captain', 'freeze', 'thaw', 'kick', 'move', 'sendchat'):
            for query in (f'id={id}&order=kick&name=ada', f'id={id}&key={id}&order=thaw', f'key=&order=thaw&id={id}'):
                assert lesson.say(f'/{route}?{query}').status in (400, 403, 404, 503)
        assert lesson.row('ada')
        assert lesson.sea.is_frozen() == bool(_)
        lesson.order('freeze')


# --- orders ---------------------------------------------------------------------------------------

def test_a_frozen_sea_refuses_every_action_and_goes_on_being_read(lesson):
    id = join(lesson.say, 'ada')
    lesson.order('freeze')
    for call in ('move?heading=n&', 'accel?ctrl=w&', 'ping?', 'get?item=treasure&', 'sendchat?name=all&message=x&',
                 'race?', 'stop?', 'quit?sure=yes&', 'dive?ctrl=f&'):
        reply = lesson.say(f'/{call}id={id}')
        assert reply.status == 503 and reply.lines[0] == FROZEN and int(reply.headers['Retry-After']) > 0
        assert lesson.say(f'/{call}id={id}', method='HEAD').status == 503
    for route in ('look', 'location', 'inventory', 'quest', 'log', 'velocity'):
        assert lesson.say(f'/{route}?id={id}').status == 200
    assert lesson.say('/chart').json()['frozen'] is True
    lesson.order('thaw')
    assert lesson.say(f'/move?id={id}&heading=n').status == 200


def test_a_frozen_sea_gives_no_points(lesson):
    """A quest can be met by looking round: it counts when the sea goes on, and no podium changes after its round."""
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
    lesson.order('round', minutes='1')
    lesson.order('start')
    for id in ids.values():
        lesson.wait(2)
        assert lesson.say(f'/move?id={id}&heading=north').status == 200
    lesson.clock.now += 60                                # its time is up, and nobody has tended the sea yet
    podium = lesson.say('/score')
    assert lesson.say(f'/look?id={ids["bob"]}').status == 200 and lesson.say('/score') == podium
    lesson.wait(1)
    assert lesson.sea.ocean.rounds['now'].state == 'over'
    for _ in range(50):
        lesson.say(f'/look?id={ids["bob"]}')
    assert lesson.say('/score') == podium
    assert lesson.order('thaw') == 'the sea goes on'
    lesson.say(f'/look?id={ids["bob"]}')
    before, after = (dict(line.split(',')[1:] for line in score.lines) for score in (podium, lesson.say('/score')))
    assert after == {'ada': before['ada'], 'bob': str(int(before['bob']) + mocean.QUEST_POINTS)}


def test_a_forgotten_name_is_gone_from_the_calls_of_others_in_any_script(lesson):
    ada, bob = join(lesson.say, 'Аделаида'), join(lesson.say, 'bob')
    assert lesson.say(f'/sendchat?id={bob}&name=Аделаида&message=hi').status == 200
    assert 'Аделаида' in lesson.say(f'/log?id={bob}')
    assert 'forgotten' in lesson.order('forget', name='Аделаида') and lesson.say(f'/name?id={ada}').status == 404
    assert 'Аделаида' not in lesson.say(f'/log?id={bob}')


def test_a_frozen_sea_makes_nobody_red(lesson):
    id = join(lesson.say, 'ada')
    lesson.order('freeze')
    for _ in range(30):
        lesson.say(f'/move?id={id}&heading=n')
    lesson.wait(1000)
    row = lesson.row('ada')
    assert row['red'] == 0 and row['idle_s'] == 0
    lesson.order('thaw')
    lesson.say(f'/move?id={id}&heading=n')
    assert 'Phoenix' not in lesson.sea.ocean.boats['ada'].badges           # no error, so none was corrected


MOVES = ('move?heading=n', 'move?heading=e&steps=7', 'accel?ctrl=w', 'accel?ctrl=a', 'stop?', 'ping?', 'look?',
         'location?', 'race?', 'sendchat?name=all&message=hello', 'popchat?', 'dive?ctrl=f', 'dive?ctrl=r',
         'get?item=whale', 'quest?', 'move?heading=nroth')
EIGHTHS = st.integers(0, 720).map(lambda number: number / 8)                # seconds that a float can hold exactly
STEP = st.tuples(st.sampled_from(['ada', 'bob']), st.sampled_from(MOVES), EIGHTHS)
FREEZE = st.tuples(st.integers(0, 11), st.integers(1, 5000))


def played(folder, steps, freezes):
    """What there is after a game in which the sea froze before some of the steps."""
    with pytest.MonkeyPatch.context() as patch, \
            a_class(folder, calendar=Clock(), dice=mocean.random.Random(7)) as lesson:
        patch.setattr(mocean.time, 'sleep', lambda seconds: None)
        patch.setattr(mocean.secrets, 'choice', mocean.random.Random(8).choice)
        ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
        said = []
        for number, (name, call, pause) in enumerate(steps):
            for before, seconds in freezes:
                if before == number:
                    lesson.order('freeze')
                    frozen = document(lesson.sea)
                    lesson.wait(seconds / 2)
                    assert lesson.say(f'/move?id={ids[name]}&heading=n').status == 503
                    lesson.wait(seconds / 2)
                    assert document(lesson.sea) == frozen
                    lesson.order('thaw')
            said.append(lesson.say('/' + call.replace('?', f'?id={ids[name]}&')))
            lesson.clock.now += pause
        return said, document(lesson.sea)


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.lists(FREEZE, min_size=1, max_size=3))
def test_any_game_with_freezes_in_it_equals_the_same_game_without_shifted(steps, freezes):
    with tempfile.TemporaryDirectory() as folder:
        folder = mocean.pathlib.Path(folder)
        with_them = played(folder / 'with', steps, freezes)
        without = played(folder / 'without', steps, [])
    assert with_them[0] == without[0]
    assert {**with_them[1], 'now': 0} == {**without[1], 'now': 0}


def test_a_round_is_a_fresh_ocean_with_the_same_boats(lesson):
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
    lesson.say(f'/move?id={ids["ada"]}&heading=n')
    seed = lesson.sea.ocean.planet['mocean'].seed
    assert lesson.order('round', minutes='10', name='Final').startswith('Final: a fresh ocean waits for 10 minutes')
    ocean = lesson.sea.ocean
    assert ocean.planet['mocean'].seed != seed
    assert {boat.name: boat.id for boat in ocean.boats.values()} == ids
    assert {boat.score for boat in ocean.boats.values()} == {0}
    assert lesson.say(f'/move?id={ids["ada"]}&heading=n').status == 503
    told = lesson.say('/chart').json()['round']
    assert told == {'name': 'Final', 'state': 'prepared', 'seconds': 600, 'until': 0, 'podium': []}
    lesson.wait(300)
    assert lesson.order('start') == 'Final runs for 10 minutes'
    assert lesson.say(f'/move?id={ids["ada"]}&heading=n').status == 200
    lesson.wait(100)
    chart = lesson.say('/chart').json()
    assert chart['round']['until'] - chart['sea_time'] == pytest.approx(500, abs=0.1)
    assert lesson.say('/news').count('Final begins: 10 minutes') == 1


def test_a_round_ends_exactly_at_its_time(lesson):
    id = join(lesson.say, 'ada')
    lesson.order('round', minutes='1')
    lesson.order('start')
    lesson.say(f'/accel?id={id}&ctrl=w')
    lesson.clock.now += 59.5
    assert lesson.say(f'/ping?id={id}').status == 200
    lesson.clock.now += 0.6                                               # nobody has tended the sea yet
    assert lesson.say(f'/ping?id={id}').lines[0] == FROZEN
    here = place(lesson.say, id)
    lesson.wait(100)
    assert place(lesson.say, id) == here
    assert lesson.say('/chart').json()['round']['state'] == 'over'
    assert lesson.sea.clock() == 60


def in_a_round(lesson, scores, enlisted=()):
    """A round in which the boats have these scores in the end."""
    for name in scores:
        if name.casefold() not in lesson.sea.ocean.boats:
            join(lesson.say, name)
    if enlisted:
        lesson.order('enlist', names=','.join(enlisted))
    lesson.order('round', minutes='1')
    lesson.order('start')
    for name, score in scores.items():
        boat = lesson.sea.ocean.boats[name]
        mocean.merge(lesson.sea.ocean, {'boats': {name: boat.but(score=score)}})
    lesson.wait(61)


@pytest.mark.parametrize('first, said', [
    (['ada'], 'ada wins with 9 points'), (['ada', 'bob'], 'ada and bob win with 9 points'),
    (['ada', 'bob', 'cyd'], 'ada, bob and cyd win with 9 points'),
    (['ada', 'bob', 'cyd', 'dee'], '4 players share the first place with 9 points')])
def test_who_shares_the_first_place_wins_too(lesson, first, said):
    in_a_round(lesson, dict.fromkeys(first, 9) | {'eve': 8})
    assert f'Round 1 is over: {said}' in lesson.say('/news').lines[-1]


def season(lesson):
    return {name: int(points) for _, name, points, _ in
            (line.split(',') for line in lesson.say('/season').split('\n') if line)}


def test_the_first_ten_earn_points_for_the_season_and_equals_share_a_place(lesson):
    names = 'abcdefghijkl'
    in_a_round(lesson, {name: 100 - number for number, name in enumerate(names)} | {'b': 100, 'l': 0})
    assert season(lesson) == {'a': 25, 'b': 25, 'c': 15, 'd': 12, 'e': 10, 'f': 8, 'g': 6, 'h': 4, 'i': 2, 'j': 1}
    podium = lesson.say('/chart').json()['round']['podium']
    assert [(row['rank'], row['name']) for row in podium[:3]] == [(1, 'a'), (1, 'b'), (3, 'c')]
    in_a_round(lesson, {'c': 5})
    assert season(lesson)['c'] == 40
    assert lesson.order('season') == 'a new season begins' and season(lesson) == {}


def test_where_anybody_is_enlisted_only_the_enlisted_take_places(lesson):
    in_a_round(lesson, {'fleet': 90, 'fleeta': 80, 'ada': 30, 'bob': 20}, enlisted=('ada', 'bob'))
    assert season(lesson) == {'ada': 25, 'bob': 18}
    assert [row['name'] for row in lesson.say('/chart').json()['round']['podium']] == ['ada', 'bob']


def test_nobody_earns_points_by_sitting_there(lesson):
    in_a_round(lesson, {'ada': 3, 'idler': 0})
    assert season(lesson) == {'ada': 25}


def test_the_season_outlives_newgame_restore_rounds_and_restarts(tmp_path):
    with a_class(tmp_path / 'state') as lesson:
        in_a_round(lesson, {'ada': 3})
        saved = lesson.order('save').split()[-1]
        for name, values in (('newgame', {}), ('restore', {'saved': saved}), ('round', {})):
            assert lesson.order(name, **values).status == 200
            assert season(lesson) == {'ada': 25}
    with a_class(tmp_path / 'state') as lesson:
        assert season(lesson) == {'ada': 25}
        in_a_round(lesson, {'ada': 3})
        assert season(lesson) == {'ada': 50}


@pytest.mark.parametrize('file', ['season.json', 'mocean.journal'])
def test_a_crash_while_a_round_is_counted_counts_it_once(tmp_path, monkeypatch, file):
    """The power fails before the table is on the disk, or just after."""
    import captain
    with a_class(tmp_path / 'state') as lesson:
        join(lesson.say, 'ada')
        with monkeypatch.context() as patch:
            if file == 'season.json':
                patch.setattr(mocean.Journal, 'save_season', lambda self, season: 1 / 0)
            else:
                patch.setattr(captain, 'count', lambda captain: None)
            in_a_round(lesson, {'ada': 3})
        dead = as_killed(lesson.say, tmp_path / 'dead')
        if file != 'season.json' and (lesson.say.folder / 'season.json').exists():
            shutil.copy(lesson.say.folder / 'season.json', dead)
        assert season(lesson) == {}
    with a_class(dead) as lesson:
        for _ in range(3):
            lesson.wait(1)
        assert season(lesson) == {'ada': 25}
        assert lesson.say('/chart').json()['round']['state'] == 'over'


def test_announce_reaches_news_and_every_letter_box(lesson):
    id = join(lesson.say, 'ada')
    assert lesson.order('announce', message='ten minutes left') == 'told all: ten minutes left'
    assert 'the captain: ten minutes left' in lesson.say('/news')
    assert lesson.say(f'/popchat?id={id}') == 'the captain,ten minutes left'
    assert 'is a text of 1 to 200' in lesson.order('announce', message='x' * 201)


def test_nobody_else_can_be_called_the_captain(lesson):
    assert lesson.say('/join?name=the captain').status == 400


def test_enlist_makes_boats_and_cards(lesson):
    id = join(lesson.say, 'ada')
    said = lesson.order('enlist', names='Ada, Bob;Ada\nZoë, ,all,Anne-Marie')
    assert said == 'enlisted: Ada, Bob, Ada2, Zoë, AnneMarie'
    rows = {row['name']: row for row in lesson.json('roster')['players']}
    assert set(rows) == {'ada', 'Bob', 'Ada2', 'Zoë', 'AnneMarie'} and all(row['enlisted'] for row in rows.values())
    page = lesson.order('cards')
    assert page.count('class="card"') == 5 and id in page
    assert lesson.order('cards', names='Bob').count('class="card"') == 1
    bob = lesson.sea.ocean.boats['bob']
    assert lesson.say(f'/join?name=Bob&id={bob.id}').startswith(f'{bob.id},Bob,')
    assert lesson.order('enlist', names='Ada,Bob') == 'enlisted: Ada, Bob'                 # who is there stays
    assert lesson.sea.ocean.boats['bob'] == bob
    assert 'with commas' in lesson.order('enlist', names=' , ;')


def test_the_enlisted_do_not_count_for_the_ration_of_joins(lesson):
    assert lesson.order('enlist', names=','.join(f'kid{number}' for number in range(150))).status == 200
    assert lesson.say('/join?name=ada').status == 200


def test_recover_gives_a_new_id_and_keeps_everything(lesson):
    id = join(lesson.say, 'ada')
    lesson.say(f'/move?id={id}&heading=n')
    in_a_round(lesson, {'ada': 3})
    lesson.order('thaw')
    before = lesson.sea.ocean.boats['ada']
    assert lesson.order('recover', name='ADA') == 'ada has a new id: the card says it'
    new = lesson.sea.ocean.boats['ada']
    assert new.id != id and new == before.but(id=new.id)
    assert lesson.say(f'/location?id={id}').status == 404
    assert lesson.say(f'/location?id={new.id}').status == 200
    assert season(lesson) == {'ada': 25}
    in_a_round(lesson, {'ada': 3})
    assert season(lesson) == {'ada': 50}


def busy_ada(lesson):
    """A player with something in every table."""
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
    say = lesson.say
    for call in (f'move?id={ids["ada"]}&heading=n&n=1', f'ping?id={ids["ada"]}', f'accel?id={ids["ada"]}&ctrl=w',
                 f'sendchat?id={ids["ada"]}&name=all&message=here is ada', f'stop?id={ids["ada"]}',
                 f'sendchat?id={ids["ada"]}&name=bob&message=hello',
                 f'sendchat?id={ids["bob"]}&name=ada&message=hi ada&n=5',
                 f'look?id={ids["bob"]}', f'log?id={ids["bob"]}'):
        lesson.clock.now += 10
        assert say('/' + call).status == 200
    ocean = lesson.sea.ocean
    boat = ocean.boats['ada']
    mocean.merge(ocean, {
        'laps': {'0 ada': mocean.Lap('ada', 99.5, 150, 5.0)}, 'races': {'ada': mocean.Race(0, 1.0, (1, 2))},
        'finds': {'sandwich': mocean.Find('ada', 5.0)},
        'boats': {'ada': boat.but(items=('sandwich',), finds=('sandwich',))},
        'blooms': {'1': mocean.Bloom(5, 5, 1e6, 'ada')},
        'whales': {'Fitz': ocean.whales['Fitz'].but(seen='ada', rider='ada')}})
    lesson.wait(1)
    lesson.wait(1)
    with lesson.sea.tending:
        mocean.save(lesson.sea)                                           # what was put there by hand, too
    return ids


def test_rename_keeps_everything(lesson):
    ids = busy_ada(lesson)
    moved = lesson.say(f'/move?id={ids["ada"]}&heading=n&n=2')
    before = document(lesson.sea)
    assert lesson.order('rename', name='ada', new='Grace') == 'ada is called Grace now'
    after, expected = document(lesson.sea), renamed(before)
    for whole in (expected, after):                                       # what bob was told of ada is not kept
        whole['replies'] = {slot: row for slot, row in whole['replies'].items() if not slot.startswith('bob ')}
    assert after == expected
    assert lesson.say(f'/move?id={ids["ada"]}&heading=n&n=2') == moved                     # also the stored reply
    assert lesson.say(f'/name?id={ids["ada"]}') == 'Grace'
    assert '/move' in lesson.say(f'/log?id={ids["ada"]}')
    assert lesson.row('Grace')


def renamed(value, field=''):
    """A document in which Grace stands for ada, and grace for ada where it is a key."""
    if isinstance(value, dict):
        return {re.sub(r'\bada\b', 'grace', key): renamed(row, key) for key, row in value.items()}
    if isinstance(value, list):
        return [renamed(row, field) for row in value]
    if isinstance(value, str):
        return re.sub(r'\bada\b', 'grace' if field in ('key', 'rider') else 'Grace', value)
    return value


def test_rename_also_in_what_rides_along(lesson):
    busy_ada(lesson)
    lesson.say('/steps?message=passport&name=ada')
    lesson.order('rename', name='ada', new='Grace')
    assert 'Grace' in lesson.say('/progress') and 'ada' not in lesson.say('/progress')
    for table in ('tracks', 'soundings'):
        assert players(lesson, table) == {'Grace'}


def players(lesson, table):
    file = lesson.say.folder / 'data.sqlite'
    if not file.exists():
        return set()
    with contextlib.closing(sqlite3.connect(f'file:{file}?mode=ro', uri=True)) as db:
        return {name for name, in db.execute(f'SELECT DISTINCT player FROM {table}') if name != 'bob'}


def test_a_name_can_change_its_letters_only(lesson):
    id = join(lesson.say, 'ada')
    assert lesson.order('rename', name='ada', new='ADA') == 'ada is called ADA now'
    assert lesson.say(f'/name?id={id}') == 'ADA'


def test_rename_refuses_a_name_that_is_taken_or_none(lesson):
    join(lesson.say, 'ada'), join(lesson.say, 'bob')
    assert 'the name bob is taken; bob2 is free' in lesson.order('rename', name='ada', new='bob')
    assert '1 to 20 letters' in lesson.order('rename', name='ada', new='all')
    assert '1 to 20 letters' in lesson.order('rename', name='ada', new='<!>')


def test_kick_takes_a_boat_out_for_good(lesson):
    ids = busy_ada(lesson)
    assert lesson.order('kick', name='ada') == 'ada is gone'
    assert lesson.say(f'/move?id={ids["ada"]}&heading=n').status == 404
    assert lesson.say('/who').lines[0].startswith('bob,') and 'sandwich' not in lesson.sea.ocean.finds
    assert lesson.say('/join?name=ada').status == 200


def test_mute_and_chat_off_close_letter_boxes(lesson):
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
    lesson.order('mute', name='ada')
    assert 'closed your letter box' in lesson.say(f'/sendchat?id={ids["ada"]}&name=all&message=x')
    assert lesson.say(f'/sendchat?id={ids["bob"]}&name=ada&message=x').status == 200
    lesson.order('mute', name='ada')
    lesson.order('chat', to='off')
    assert 'wants quiet' in lesson.say(f'/sendchat?id={ids["bob"]}&name=all&message=x')
    assert 'it is on or off' in lesson.order('chat', to='maybe')
    lesson.order('chat', to='on')
    assert lesson.say(f'/sendchat?id={ids["bob"]}&name=all&message=x').status == 200


def test_the_captain_reads_all_that_is_said_also_what_has_been_read(lesson):
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob')}
    lesson.say(f'/sendchat?id={ids["ada"]}&name=bob&message=psst')
    lesson.say(f'/sendchat?id={ids["bob"]}&name=all&message=ahoy')
    lesson.say(f'/popchat?id={ids["bob"]}')
    lesson.order('announce', message='quiet please')
    rows = [(row['from'], row['to'], row['text']) for row in lesson.json('transcript')['messages']]
    assert rows == [('the captain', 'all', 'quiet please'), ('bob', 'all', 'ahoy'), ('ada', 'bob', 'psst')]


def test_forget_leaves_the_name_nowhere(tmp_path, capfd):
    with a_class(tmp_path / 'state') as lesson:
        ids = busy_ada(lesson)
        lesson.say('/steps?message=passport&name=ada')
        in_a_round(lesson, {'ada': 30, 'bob': 3})
        lesson.order('restore', saved=next(lesson.say.folder.glob('before-*')).name)
        lesson.wait(1)
        before = players(lesson, 'tracks') | players(lesson, 'soundings')
        assert before == {'ada'}
        shutil.rmtree(next(lesson.say.folder.glob('before-*')))          # what an older backup would be
        for folder in lesson.say.folder.glob('before-*'):
            shutil.rmtree(folder)
        assert 'forgotten' in lesson.order('forget', name='ada')
        assert lesson.say(f'/name?id={ids["ada"]}').status == 404
        assert players(lesson, 'tracks') == set() and players(lesson, 'soundings') == {'somebody'}
        names = re.compile(rb'\bada\b', re.IGNORECASE)
        for path in lesson.say.folder.rglob('*'):
            assert not path.is_file() or not names.search(path.read_bytes()), path
        for page in ('/chart', '/news', '/season', '/progress', '/regatta?course=0', '/who', f'/log?id={ids["bob"]}',
                     '/erddap/tabledap/tracks.csv', '/erddap/tabledap/soundings.csv'):
            assert not names.search(lesson.say(page).encode()), page
    for path in (tmp_path / 'state').rglob('*'):
        assert not path.is_file() or not names.search(path.read_bytes()), path


def test_forget_also_finds_a_name_whose_boat_is_long_gone(lesson):
    busy_ada(lesson)
    lesson.order('kick', name='ada')
    assert 'forgotten' in lesson.order('forget', name='ADA')
    assert 'ada' not in lesson.say('/chart') + lesson.say('/news')


def test_an_ocean_saved_and_brought_back_is_equal(lesson):
    busy_ada(lesson)
    before = document(lesson.sea)
    saved = lesson.order('save').split()[-1]
    for _ in range(2):
        lesson.clock.now += 5
        lesson.say(f'/move?id={lesson.sea.ocean.boats["bob"].id}&heading=e')
        assert document(lesson.sea) != before
        assert f'the ocean of {saved} is back, with 2 boats' in lesson.order('restore', saved=saved)
        assert document(lesson.sea) == before
    with a_class_again(lesson) as again:
        assert {**document(again.sea), 'now': 0} == {**before, 'now': 0}


@contextlib.contextmanager
def a_class_again(lesson):
    """What a kill -9 at this moment leaves, started anew."""
    folder = as_killed(lesson.say, lesson.say.folder / 'killed')
    with a_class(folder) as again:
        yield again


@pytest.mark.parametrize('order', ['round', 'newgame'])
def test_what_was_there_before_a_new_ocean_comes_back_equal(lesson, order):
    busy_ada(lesson)
    before = document(lesson.sea)
    files = {path: path.read_bytes() for path in lesson.say.folder.glob('saved-*/*')}
    aside = lesson.order(order).split()[-1]
    assert len(lesson.sea.ocean.boats) == (2 if order == 'round' else 0)
    assert lesson.order('restore', saved=aside).status == 200
    assert document(lesson.sea) == before
    assert players(lesson, 'tracks') == {'ada'}                           # what was measured comes back with it
    assert all(path.read_bytes() == content for path, content in files.items())


def test_a_new_ocean_has_soundings_of_its_own(lesson):
    busy_ada(lesson)
    assert players(lesson, 'soundings') == {'ada'}
    lesson.order('round')
    assert len(lesson.say('/erddap/tabledap/soundings.csv').lines) <= 2 or 'ada' not in lesson.say(
        '/erddap/tabledap/soundings.csv')


def test_saved_oceans_are_listed_with_what_is_in_them(lesson):
    busy_ada(lesson)
    names = [lesson.order('save').split()[-1] for _ in range(2)]
    assert len(set(names)) == 2                                           # in one second, and nothing overwritten
    (lesson.say.folder / names[0] / 'mocean.json').write_text('no ocean')
    rows = {row['name']: row for row in lesson.json('saved')['saved']}
    assert rows[names[1]]['boats'] == 2 and rows[names[1]]['points'] > 0
    assert rows[names[0]]['boats'] == 'unreadable'
    (lesson.say.folder / 'saved-20260101-000000' / 'mocean.json').mkdir(parents=True)       # no file
    assert 'saved-20260101-000000,unreadable' in lesson.order('saved')
    before = document(lesson.sea)
    assert lesson.order('restore', saved=names[0]).status == 409 and document(lesson.sea) == before
    for evil in ('../' + names[1], names[1] + '/', 'before-', '.', '', 'saved-2026/../../etc'):
        assert lesson.order('restore', saved=evil).status in (400, 404)


def test_restore_knows_the_folders_that_mocean_newgame_leaves(lesson):
    """The state file is older than its journal there."""
    busy_ada(lesson)
    lesson.say(f'/move?id={lesson.sea.ocean.boats["bob"].id}&heading=e')
    before = document(lesson.sea)
    folder = as_killed(lesson.say, lesson.say.folder / 'before-2026-11-26-101112')
    files = {path: path.read_bytes() for path in folder.iterdir()}
    lesson.order('newgame')
    assert lesson.order('restore', saved=folder.name).status == 200
    assert {**document(lesson.sea), 'now': 0} == {**before, 'now': 0}
    assert {path: path.read_bytes() for path in folder.iterdir()} == files


@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash here')
def test_the_files_are_those_that_mocean_backup_and_mocean_restore_know(tmp_path):
    """A backup by the word in the terminal, brought back by it; and a folder that the deck has saved."""
    with a_class(tmp_path / 'state') as lesson:
        busy_ada(lesson)
        before = document(lesson.sea)
        saved = lesson.order('save').split()[-1]
        typed(tmp_path, 'mocean_backup')
    for what in (next((tmp_path / 'backups').iterdir()), tmp_path / 'state' / saved):
        with a_class(tmp_path / 'state') as lesson:
            lesson.order('newgame')
        typed(tmp_path, f'mocean_restore {what}')
        with a_class(tmp_path / 'state') as lesson:
            assert {**document(lesson.sea), 'now': 0} == {**before, 'now': 0}
            assert players(lesson, 'tracks') == {'ada'}


@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash here')
def test_the_deck_and_the_words_put_the_same_aside_and_each_brings_back_what_the_other_did(tmp_path):
    import captain
    state = tmp_path / 'state'
    with a_class(state) as lesson:
        busy_ada(lesson)
        before = document(lesson.sea)
        by_deck = state / lesson.order('newgame').split()[-1]
        lesson.order('restore', saved=by_deck.name)
    (state / 'season.json').write_text('{}')
    there = set(state.glob('before-*'))
    typed(tmp_path, 'echo yes | mocean_newgame')
    [by_words] = set(state.glob('before-*')) - there
    with a_class(state) as lesson:
        assert captain.KEPT.fullmatch(by_words.name) and captain.KEPT.fullmatch(by_deck.name)
        for folder in by_deck, by_words:
            files = {path.name for path in folder.iterdir()}
            assert {'mocean.json', 'data.sqlite'} <= files and not files & {'season.json', 'steps.json'}
        assert (state / 'season.json').exists() and not lesson.sea.ocean.boats
        assert {row['name'] for row in lesson.json('saved')['saved']} >= {by_deck.name, by_words.name}
        assert lesson.order('restore', saved=by_words.name).status == 200                       # the deck, the words'
        assert document(lesson.sea) == before and players(lesson, 'tracks') == {'ada'}
        lesson.order('newgame')
    typed(tmp_path, f'mocean_restore {by_deck}')                                                # the words, the deck's
    with a_class(state) as lesson:
        assert {**document(lesson.sea), 'now': 0} == {**before, 'now': 0} and players(lesson, 'tracks') == {'ada'}


def typed(folder, word):
    """A word of the terminal, on the state and the backups of this folder; no service is asked."""
    return bash(f'. {ROOT}/bash_aliases; MOCEAN_STATE={folder}/state MOCEAN_BACKUPS={folder}/backups; '
                f'sudo() {{ true; }}; systemctl() {{ true; }}; _game_answers() {{ true; }}; {word}')


def bash(text):
    done = subprocess.run(['bash', '-c', text], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_full_disk_is_said_and_changes_nothing(lesson, monkeypatch):
    join(lesson.say, 'ada')
    before = document(lesson.sea)

    def full(*_):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(mocean.os, 'write', full)
    monkeypatch.setattr(mocean, 'write_new', full)
    for order, values in (('freeze', {}), ('announce', {'message': 'x'}), ('mute', {'name': 'ada'}), ('save', {}),
                          ('newgame', {}), ('round', {})):
        reply = lesson.order(order, **values)
        assert reply.status == 503 and 'disk' in reply, reply
    assert document(lesson.sea) == before and not lesson.sea.is_frozen()
    monkeypatch.undo()
    assert lesson.order('freeze') == 'the sea is frozen'


# --- the deck -------------------------------------------------------------------------------------

def test_three_identical_errors_are_red_and_at_the_top(lesson):
    ids = {name: join(lesson.say, name) for name in ('ada', 'bob', 'typo')}
    for _ in range(3):
        lesson.say(f'/move?id={ids["typo"]}&heading=nroth')
        lesson.say(f'/ping?id={ids["typo"]}')                             # what goes well between does not hide it
        lesson.clock.now += 1
    row = lesson.json()['players'][0]
    assert (row['name'], row['red'], row['times'], row['trouble']) == ('typo', 1, 3, 'the same error 3 times')
    assert "heading was 'nroth'" in row['error'] and row['meaning'].startswith('misspelt')
    lesson.say(f'/move?id={ids["typo"]}&heading=north')
    assert lesson.row('typo')['red'] == 0


def test_a_route_that_is_misspelt_counts_too(lesson):
    id = join(lesson.say, 'ada')
    for _ in range(3):
        lesson.say(f'/mvoe?id={id}&heading=n')
    assert lesson.row('ada')['trouble'] == 'the same error 3 times'


def test_three_silent_minutes_are_red_and_a_restart_makes_nobody_silent(tmp_path):
    with a_class(tmp_path / 'state') as lesson:
        id = join(lesson.say, 'ada')
        lesson.wait(179)
        assert lesson.row('ada')['red'] == 0
        lesson.wait(2)
        assert lesson.row('ada')['trouble'] == 'silent for 3 minutes'
        lesson.say(f'/look?id={id}')
        assert lesson.row('ada')['red'] == 0
        lesson.wait(400)
    with a_class(tmp_path / 'state') as lesson:
        lesson.wait(1)
        assert lesson.row('ada')['red'] == 0
        lesson.wait(200)
        assert lesson.row('ada')['red'] == 1


def test_two_programs_with_one_id_are_named(lesson):
    join(lesson.say, 'ada')
    traffic = lesson.sea.calls['ada']
    for number in range(6):
        said = '429 move heading=n too early by 0.4 s: another program (or window) moves this boat at the same time'
        traffic.lines.append(f'{int(time.time())} ' + (said if number % 2 else '200 move heading=n 1,2,3'))
    assert lesson.row('ada')['trouble'] == 'two programs, one boat'


def test_seen_takes_the_red_away_until_something_else_happens(lesson):
    id = join(lesson.say, 'ada')
    for _ in range(3):
        lesson.say(f'/move?id={id}&heading=nroth')
    assert lesson.order('seen', name='ada') == 'ada is seen'
    assert (lesson.row('ada')['red'], lesson.row('ada')['trouble']) == (0, 'the same error 3 times')
    for _ in range(3):
        lesson.say(f'/move?id={id}&steps=5')
    assert lesson.row('ada')['red'] == 1
    lesson.order('seen', name='ada')
    lesson.wait(181)
    assert lesson.row('ada')['red'] == 1


def test_the_three_commonest_errors_of_the_class_also_of_those_without_a_boat(lesson):
    ids = [join(lesson.say, name) for name in ('ada', 'bob')]
    for number in range(4):
        lesson.say(f'/move?id={ids[number % 2]}&heading=nroth')
        lesson.say('/look')
    lesson.say(f'/move?id={ids[0]}&heading=n&steps=99')
    errors = lesson.json()['errors']
    assert [(row['error'], row['times']) for row in errors] == [
        ('heading was ...', 4), ('id is missing', 4), ('steps was ...', 1)]
    assert all(row['meaning'] for row in errors)


def test_every_error_that_the_deck_explains_is_one_that_the_game_says():
    import captain
    words = (ROOT / 'mocean.py').read_text(encoding='utf-8')
    for part in ('too early by', 'another program', 'id is missing', 'nobody aboard has the id', 'is a name, and no',
                 'was {shown(text)}', '& is missing', 'has no parameter', 'there is no /', 'is taken', 'sailed home'):
        assert part in words
    assert captain.meaning_of('too early by 0.5 s: another program (or window) ...')[0] == 'two programs, one boat'
    assert captain.meaning_of('heading was \'x\'; did you mean')[0] == 'heading was ...'


def test_the_deck_speaks_text_and_json(lesson):
    join(lesson.say, 'ada')
    assert lesson.order('deck').startswith('ada,0,')
    assert set(lesson.json()) == {'players', 'errors', 'state'}
    assert lesson.order('roster') == 'ada,0,0,0,1,0,0'


# --- a restart in the middle ------------------------------------------------------------------------

@pytest.mark.parametrize('how', ['kill', 'stop'])
def test_a_round_goes_on_with_the_same_time_left_after_a_restart(tmp_path, how):
    server = Server('mocean', tmp_path, env={'MOCEAN_CAPTAIN': KEY}).start()

    def left():
        chart = server.say('/chart').json()
        return round(chart['round']['until'] - chart['sea_time'], 2)
    try:
        id = join(server)
        server.say(f'/captain?key={KEY}&order=round&minutes=30')
        server.say(f'/captain?key={KEY}&order=start')
        poll(lambda: server.say(f'/move?id={id}&heading=n').status == 200 and left() < 1798)
        before = left()
        getattr(server, how)()
        time.sleep(1.5)                                                   # the server is down: no time passes
        server.start()
        assert before - 1.5 < left() <= before + 1.1                      # sea time is written once a second
        assert server.say('/chart').json()['round']['state'] == 'running'
        poll(lambda: server.say(f'/move?id={id}&heading=n').status == 200)
        server.say(f'/captain?key={KEY}&order=freeze')
        frozen = left()
        getattr(server, how)()
        server.start()
        assert left() == frozen and server.say(f'/move?id={id}&heading=n').status == 503
        assert KEY not in server.log()
    finally:
        server.kill()


def test_a_prepared_round_waits_through_a_restart(lesson):
    join(lesson.say, 'ada')
    lesson.order('round', minutes='7')
    with a_class_again(lesson) as again:
        assert again.say('/chart').json()['round']['seconds'] == 420 and again.sea.is_frozen()
        assert again.order('start') == 'Round 1 runs for 7 minutes'


def test_orders_hold_while_the_sea_is_flooded(tmp_path):
    """Eight programs send what they can; every order is answered, at once and in its turn."""
    server, ended = Server('mocean', tmp_path, env={'MOCEAN_CAPTAIN': KEY}).start(), threading.Event()
    try:
        ids = [join(server, f'bot{letter}') for letter in 'abcdefgh']

        def flood(id):
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    server.say(f'/move?id={id}&heading=n')
        bots = [threading.Thread(target=flood, args=(id,)) for id in ids]
        for bot in bots:
            bot.start()
        for order in ('freeze', 'thaw', 'save', 'round&minutes=1', 'start', 'announce&message=hi', 'enlist&names=x,y',
                      'rename&name=x&new=z', 'recover&name=z', 'mute&name=z', 'kick&name=bota', 'forget&name=botb',
                      'finish', 'thaw', 'newgame'):
            reply = server.say(f'/captain?key={KEY}&order={order}', timeout=20)
            assert reply.status == 200, reply
    finally:
        ended.set()
        for bot in bots:
            bot.join()
        server.kill()
    assert 'Traceback' not in server.log()


def test_the_place_of_no_boat_changes_under_a_freeze(lesson):
    id = join(lesson.say, 'ada')
    lesson.say(f'/accel?id={id}&ctrl=w')
    lesson.clock.now += 3
    lesson.order('freeze')
    here = place(lesson.say, id)
    lesson.wait(50)
    assert place(lesson.say, id) == here
    lesson.order('thaw')
    lesson.clock.now += 3
    assert place(lesson.say, id) != here


# --- the clients ------------------------------------------------------------------------------------

CREW = ['survey_robot'] * 10 + ['regatta_1'] * 5 + ['regatta_2'] * 5 + ['regatta_3'] * 4 + ['look_and_move'] * 3 + \
    ['starter_3'] * 3


def test_freeze_and_thaw_under_thirty_running_clients_crash_none_of_them(tmp_path):
    """The programs of clients/, as they stand: they wait as long as they are told, and go on."""
    (tmp_path / 'state').mkdir()
    server = Server('mocean', tmp_path / 'state', env={'MOCEAN_CAPTAIN': KEY}).start()
    order = lambda name: server.say(f'/captain?key={KEY}&order={name}', timeout=20)
    running, said = [], tmp_path / 'said'
    said.mkdir()
    try:
        order('enlist&names=' + ','.join(f'Kid{number}' for number in range(len(CREW))))
        cards = order('cards')
        for number, client in enumerate(CREW):
            id = re.search(rf'<h2>Kid{number}</h2><p class="id">(\w+)<', cards)[1]
            program = (ROOT / 'clients' / f'{client}.py').read_text(encoding='utf-8')
            for word, value in (('NAME', f'Kid{number}'), ('ID', id), ('ROUNDS', 200), ('MEASURES', 200)):
                program = re.sub(rf'^{word} = .*$', f'{word} = {value!r}', program, flags=re.M)
            program = program.replace('http://localhost:8080', server.url)
            (said / f'{number}.py').write_text(program, encoding='utf-8')
            with open(said / f'{number}.txt', 'w') as file:
                command = [sys.executable, '-u', said / f'{number}.py']
                running.append(subprocess.Popen(command, stdout=file, stderr=file))

        def boats():
            chart = server.say('/chart').json()
            return {boat['name']: (boat['x'], boat['y'], boat['score']) for boat in chart['boats']}

        def moved(since):
            now = boats()
            return sum(now[name] != since[name] for name in since)
        began = boats()
        poll(lambda: moved(began) >= len(CREW) - 2, 120)
        for _ in range(3):
            assert order('freeze').status == 200
            frozen = boats()
            poll(lambda: sum('frozen' in row for row in server.log().splitlines()) > len(CREW))      # most have tried
            assert boats() == frozen
            assert order('thaw').status == 200
            poll(lambda frozen=frozen: moved(frozen) >= 20, 60)
    finally:
        for client in running:
            client.terminate()
        for client in running:
            client.wait()
        server.kill()
    for number, client in enumerate(CREW):
        words = (said / f'{number}.txt').read_text()
        assert 'Traceback' not in words, f'{client} said: {words[-600:]}'


# --- for the teacher ----------------------------------------------------------------------------------

def test_the_first_line_on_a_laptop_says_that_the_deck_is_there_and_never_the_key(tmp_path):
    for key, found in ((KEY, True), ('', False)):
        port = free_port()
        with open(tmp_path / 'said', 'w+') as said:
            game = subprocess.Popen([sys.executable, ROOT / 'mocean.py'], stderr=said, stdout=said, env={
                **os.environ, 'MOCEAN_CAPTAIN': key, 'PORT': str(port), 'STATE_DIRECTORY': str(tmp_path)})
            try:
                poll(lambda: 'begins' in (tmp_path / 'said').read_text(), 30)
            finally:
                game.terminate()
                game.wait()
            lines = (tmp_path / 'said').read_text().splitlines()
        deck = f'The captain\'s deck: open http://localhost:{port}/captain, and give the key once.'
        assert (lines[0] == deck) == found and KEY not in ''.join(lines)


def test_mocean_captain_prints_the_address_of_the_deck(tmp_path):
    (tmp_path / 'mocean.env').write_text('MOCEAN_LOG=debug\nMOCEAN_CAPTAIN=abcd-efgh-jkmn-pqrs\n')
    said = bash(f'HOME={tmp_path}; . {ROOT}/bash_aliases; mocean_captain')
    assert ':8080/captain\n' in said and 'abcd-efgh-jkmn-pqrs' in said and 'key=' not in said
    (tmp_path / 'mocean.env').unlink()
    assert 'setup_vm.sh' in bash(f'HOME={tmp_path}; . {ROOT}/bash_aliases; mocean_captain || true')


def test_teaching_md_names_every_order_and_true_numbers():
    import captain
    page = (ROOT / 'docs' / 'teaching.md').read_text(encoding='utf-8')
    table = page.partition('## All orders')[2].partition('## What is kept')[0]
    assert set(re.findall('`([a-z]+)`', table)) >= set(captain.ORDERS)
    for number in (', '.join(map(str, captain.PLACES)), f'the last {mocean.TALK_KEPT}',
                   f'the last {mocean.NEWS_KEPT:,}', f'last {mocean.LOG_KEPT} calls'):
        assert number in page
    assert (captain.TRIES, captain.TRY_S, captain.CARDS_PER_PAGE) == (10, 6, 8)
