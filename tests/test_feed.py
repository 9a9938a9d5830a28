"""What the wall is fed: each chart tells only what is new, and whoever puts them together has the whole picture."""
import gzip
import json
import random
import tempfile
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest
import requests
from game import NOON, Game
from hypothesis import given, settings
from hypothesis import strategies as st

import mocean

KEY = 'correct-horse-battery'
WHOLE_PARTS = ('names', 'treasures', 'blooms', 'course', 'round', 'width', 'height', 'sector', 'treasure_places',
               'address')


class Screen:
    """A wall that asks now and then, and keeps what it was told, by the rules of docs/clients.md."""

    def __init__(self, say):
        self.say, self.since, self.rows, self.parts = say, 0, {}, {}

    def ask(self):
        chart = self.say(f'/chart?since={self.since}').json()
        if chart['since'] == 0:
            self.rows, self.parts = {}, {}
        for part, width in (('sectors', 2), ('depths', 2), ('news', 1)):
            self.rows.update({(part, *row[:width]): row for row in chart[part]})
        for part in ('boats', 'whales'):
            self.rows.update({(part, row['name']): row for row in chart[part]})
        self.parts.update({part: chart[part] for part in WHOLE_PARTS if part in chart})
        self.parts['frozen'], self.since = chart['frozen'], chart['next']
        self.rows = {key: row for key, row in self.rows.items()
                     if key[0] != 'boats' or key[1] in self.parts['names']}
        return chart

    def picture(self):
        """All but the news, of which the server forgets the oldest."""
        return self.parts, {key: row for key, row in self.rows.items() if key[0] != 'news'}

    def news(self):
        return {tuple(row) for key, row in self.rows.items() if key[0] == 'news'}


class Evening:
    """A game in which anything may happen, two screens, and what happens."""

    def __init__(self, folder):
        self.game, self.ids, self.set_back, self.dice = Game(Path(folder) / 'ocean'), {}, 0, random.Random(7)
        self.screens = [Screen(self.say), Screen(self.say)]
        self.join(0)
        self.join(1)

    def say(self, path):
        self.game.sea.calendar = lambda: NOON + self.game.seconds - self.set_back
        return self.game.say(path)

    def player(self, number):
        return list(self.ids)[number % len(self.ids)]

    def ask_for(self, number, call):
        return self.say(f'{call}{"&" if "?" in call else "?"}id={self.ids[self.player(number)]}')

    def captain(self, order, **values):
        query = ''.join(f'&{name}={value}' for name, value in values.items())
        return self.say(f'/captain?key={KEY}&order={order}{query}')

    # What may happen; each is told a number.

    def join(self, number):
        name = 'abcdefgh'[number % 8] * 3
        reply = self.say(f'/join?name={name}&id={self.ids.get(name, "")}'.removesuffix('&id='))
        if reply.status == 200:
            self.ids[name] = reply.split(',')[0]

    def row(self, number):
        self.ask_for(number, f'/move?heading={list(mocean.HEADINGS)[number % 8]}&steps={1 + number % 5}')

    def sail(self, number):
        self.ask_for(number, f'/accel?ctrl={"wwwa"[number % 4]}')

    def ping(self, number):
        self.ask_for(number, '/ping')

    def look(self, number):
        """A whale has come near."""
        boat = self.game.ocean.boats.get(self.player(number))
        if boat and not boat.speed:
            self.game.happen(whales={'Fitz': {'x': boat.x, 'y': boat.y, 'at': self.game.now}})
        self.ask_for(number, '/look')

    def ride(self, number):
        boat = self.game.ocean.boats.get(self.player(number))
        if boat and not boat.speed:
            self.game.happen(blooms={'1': {'x': boat.x, 'y': boat.y, 'until': self.game.now + 40, 'key': 'x'}},
                             whales={'Quincy': {'x': boat.x, 'y': boat.y, 'at': self.game.now}})
            self.ask_for(number, '/get?item=whale')

    def find(self, number):
        boat, lying = self.game.ocean.boats.get(self.player(number)), self.game.ocean.floor.treasures[number % 12]
        if boat and not boat.speed:
            self.game.happen(boats={self.player(number): {'x': lying.x, 'y': lying.y, 'z': lying.z}})
            self.ask_for(number, '/get?item=treasure')

    def quit(self, number):
        self.ask_for(number, '/quit?sure=yes')

    def go_and_return(self, number):
        """One screen sees it, and then nothing has changed."""
        self.screens[0].ask()
        self.quit(number)
        self.screens[0].ask()
        name = self.player(number)
        self.say(f'/join?name={name}&id={self.ids[name]}')

    def wait(self, number):
        self.game.wait([0.001, 0.4, 3, 70][number % 4])

    def put_the_clock_back(self, number):
        self.set_back += [0.3, 2, 30][number % 3]

    def freeze(self, number):
        self.captain(['freeze', 'thaw'][number % 2])

    def rename(self, number):
        old = self.player(number)
        self.game.wait(2)                                                  # what old news there are is told by then
        self.screens[0].ask()
        if self.captain('rename', name=old, new=f'{old[0]}x').status == 200:
            self.ids[f'{old[0]}x'] = self.ids.pop(old)

    def kick(self, number):
        self.game.wait(2)
        self.screens[0].ask()
        self.captain(['kick', 'forget'][number % 2], name=self.player(number))

    def round(self, number):
        self.captain('round', minutes=5)
        self.captain('start')

    def go_back(self, number):
        """To an ocean of before: the same one, and earlier."""
        saved = self.captain('save').split()[-1]
        self.row(number)
        self.screens[0].ask()
        self.captain('restore', saved=saved)

    def end(self, number):
        """It takes a second, and the clock is right afterwards."""
        self.game.wait(1)
        self.set_back = 0
        self.game.crash() if number % 2 else self.game.restart()

    def ask(self, number):
        screen, fresh = self.screens[number % 2], Screen(self.say)
        screen.ask()
        assert fresh.ask()['since'] == 0
        assert screen.picture() == fresh.picture()
        assert screen.news() >= fresh.news()
        for boat in self.game.ocean.boats.values():
            told, there = screen.rows['boats', boat.name], mocean.place(boat, self.game.now)
            assert mocean.distance(told['x'], told['y'], *there) < 0.1 and told['score'] == boat.score


EVENTS = ['join', 'row', 'sail', 'ping', 'look', 'ride', 'find', 'quit', 'go_and_return', 'wait', 'put_the_clock_back',
          'freeze', 'rename', 'kick', 'round', 'go_back', 'end', *['ask', 'row', 'sail', 'wait'] * 6]


@settings(max_examples=40, deadline=None, print_blob=False)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 23)), min_size=5, max_size=40))
def test_a_screen_that_is_told_what_is_new_has_the_whole_picture(events):
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(mocean, 'keep_tending', lambda sea: None)
        patch.setenv('MOCEAN_CAPTAIN', KEY)
        evening = Evening(folder)
        try:
            for event, number in [*events, ('ask', 0), ('ask', 1)]:
                patch.setenv('MOCEAN_CAPTAIN', KEY)                        # each start takes it away
                getattr(evening, event)(number)
        finally:
            evening.game.say.close()


# --- the wire --------------------------------------------------------------------------------------------------------

NAMES = [f'{name}{number}' for number in range(3) for name in (
    'ada', 'grace', 'linus', 'hedy', 'kofi', 'mei', 'tomás', 'noor', 'björk', 'ravi')]


@pytest.fixture
def evening(game):
    """A class of thirty after an hour: all is charted and sounded, and a thousand news have been told."""
    dice, game.ids = random.Random(1), [game.join(name).id for name in NAMES]
    game.wait(3600)
    moments = sorted(round(NOON + dice.uniform(0, 3590), 3) for _ in range(2400 + 1000))
    sectors, depths, news = {}, {}, {}
    for number, at in enumerate(dice.sample(moments, len(moments))):
        name, count = dice.choice(NAMES), dice.randint(1, 5)
        key = f'{number // 40},{number % 40}'
        if number < 2400:
            sectors[key] = {'name': name, 'at': at}
            depths[key] = {'name': name, 'first': at, 'at': min(at + dice.uniform(0, 900), NOON + 3590), 'count': count,
                           'total': count * dice.uniform(5, 50)}
        else:
            news[str(number)] = {'at': at, 'text': f'{name} met quest {count}: Lookout', 'kind': 'quest', 'name': name,
                                 'x': dice.randrange(600), 'y': dice.randrange(400)}
    boats = {boat: {'x': dice.randrange(600), 'y': dice.randrange(400), 'score': dice.randrange(2000),
                    'quest': dice.randrange(12), 'z': dice.choice([0, 5])} for boat in game.ocean.boats}
    game.happen(sectors=sectors, depths=depths, news=news, boats=boats)
    return game


def travels(say, path, accept='gzip, deflate, br'):
    """What goes over the wire: headers and bytes."""
    told, environ = [], {'HTTP_ACCEPT_ENCODING': accept}
    environ['PATH_INFO'], _, environ['QUERY_STRING'] = path.partition('?')
    setup_testing_defaults(environ)
    body = b''.join(mocean.wsgi(say.app)(environ, lambda status, headers: told.append((status, dict(headers)))))
    status, headers = told[0]
    assert status == '200 OK' and int(headers['Content-Length']) == len(body)
    return headers, body


def zipped(say, path):
    """The chart, and how many bytes of it travel to a browser."""
    headers, body = travels(say, path)
    assert headers['Content-Encoding'] == 'gzip'
    return json.loads(gzip.decompress(body)), len(body)


@pytest.mark.parametrize('call', ['move?heading={}&steps=3', 'accel?ctrl=w'])
def test_a_class_of_thirty_costs_the_wall_little(evening, call):
    chart, size = zipped(evening.say, '/chart')
    assert len(chart['sectors']) == len(chart['depths']) == 2400 and len(chart['news']) > 1000 and size < 60_000
    dice = random.Random(2)
    for _ in range(3):
        evening.wait(1)
        for id in evening.ids:
            assert evening.say(f'/{call}&id={id}'.format(dice.choice(list(mocean.HEADINGS)))).status == 200
        chart, size = zipped(evening.say, f'/chart?since={chart["next"]}')
        assert len(chart['boats']) == 30 and size < 2500
    evening.wait(1)
    still = evening.say(f'/chart?since={chart["next"]}')
    if 'move' in call:
        evening.wait(2)
        chart = evening.say(f'/chart?since={still.json()["next"]}')
        assert len(chart) < 250 and chart.json()['boats'] == []              # nobody has moved: there is little to say


@pytest.mark.parametrize('accept, encoding', [
    ('gzip', 'gzip'), ('br, gzip;q=0.5', 'gzip'), ('gzip;q=0', None), ('gzip; q=0.0, br', None), ('identity', None)])
def test_what_is_long_is_zipped_for_whom_wants_that(game, accept, encoding):
    whole = travels(game.say, '/openapi.json', '')[1]
    headers, body = travels(game.say, '/openapi.json', accept)
    assert (headers.get('Content-Encoding'), headers['Vary']) == (encoding, 'Accept-Encoding')
    assert (gzip.decompress(body) if encoding else body) == whole
    headers, _ = travels(game.say, '/who', accept)
    assert 'Content-Encoding' not in headers and 'Vary' not in headers             # too short to be worth it


def test_requests_and_a_real_server_agree_on_what_is_zipped(server):
    for number in range(60):
        assert server(f'/join?name=boat{number}').status == 200
    zipped, plain = (requests.get(f'{server.url}/who', headers=headers, timeout=10)
                     for headers in ({}, {'Accept-Encoding': 'identity'}))
    assert zipped.headers.get('Content-Encoding') is None and zipped.text == plain.text
    zipped, plain = (requests.get(f'{server.url}/chart', headers=headers, timeout=10)
                     for headers in ({}, {'Accept-Encoding': 'identity'}))
    assert (zipped.headers['Content-Encoding'], plain.headers.get('Content-Encoding')) == ('gzip', None)
    assert zipped.json()['boats'] == plain.json()['boats'] and len(zipped.json()['boats']) == 60
    head = requests.head(f'{server.url}/chart', timeout=10)
    assert head.headers['Content-Encoding'] == 'gzip' and head.content == b''


# --- what is told ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('host, there', [
    ('club.example:8080', 'http://club.example:8080'), ('192.168.1.9', 'http://192.168.1.9'),
    ('localhost:8080', 'http://10.0.0.7:8080'), ('127.0.0.1:8080', 'http://10.0.0.7:8080'),
    ('[::1]:8080', 'http://10.0.0.7:8080'), ('localhost', 'http://10.0.0.7')])
def test_the_wall_gets_an_address_that_others_reach(game, monkeypatch, host, there):
    monkeypatch.setattr(mocean, 'own_addresses', lambda: ['10.0.0.7', '172.17.0.1'])
    assert game.say('/chart', headers={'Host': host}).json()['address'] == there
    monkeypatch.setattr(mocean, 'own_addresses', list)                             # no network at all
    assert game.say('/chart', headers={'Host': host}).json()['address'] in (there, f'http://{host}')


def test_each_place_of_a_treasure_is_told_where_it_was_found(game, ada, bob):
    """Iron dust lies in two places: who finds the second one first gives nothing away of the other."""
    first, second = [list(place) for name, *place in game.ocean.floor.treasures if name == 'iron dust']

    def told():
        treasures = game.say('/chart').json()['treasures']
        return [[treasure[axis] for axis in 'xyz'] for treasure in treasures if treasure['name'] == 'iron dust']
    for player, (x, y, z), places in ((bob, second, [second]), (ada, first, [second, first])):
        player.put(x=x, y=y, z=z)
        assert player('/get?item=treasure').status == 200
        assert told() == places
    assert game.say('/chart').json()['treasure_places'] == 12
    assert [text for text in game.news() if 'iron dust' in text] == ['bob found the iron dust']


def test_news_tell_what_they_are_and_where(game, ada):
    x, y, z = game.hill('ROV')
    ada.put(x=x, y=y, z=z)
    ada('/get?item=treasure')
    game.happen(news={'99': {'at': NOON, 'text': 'from an older state file'}})
    number, time, *rest = next(row for row in game.say('/chart').json()['news'] if 'ROV' in row[2])
    assert rest == ['ada found the ROV', 'find', 'ada', x, y] and time == pytest.approx(NOON + game.seconds, abs=0.1)
    assert game.say('/chart').json()['news'][-1] == [99, NOON, 'from an older state file', '', '', 0, 0]


def test_a_clock_that_was_an_hour_ahead_costs_one_whole_answer(game, ada):
    since = game.say('/chart').json()['next']
    game.sea.calendar = lambda: NOON + game.seconds - 3600
    whole = game.say(f'/chart?since={since}').json()
    assert whole['since'] == 0 and len(whole['sectors']) == 2400
    ada('/ping')
    game.wait(3)
    later = game.say(f'/chart?since={whole["next"]}').json()
    assert later['since'] == whole['next'] and later['sectors'] == [] and len(later['depths']) == 1


def test_a_new_ocean_is_told_whole_at_once(game, ada):
    since = game.say('/chart').json()['next']
    game.restart()
    assert game.say(f'/chart?since={since}').json()['since'] == 0
