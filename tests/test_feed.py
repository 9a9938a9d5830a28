"""What the wall is fed: each chart tells only what is new, and whoever puts them together has the whole picture."""
import random
import tempfile
from pathlib import Path

import pytest
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
        return {key[1]: row for key, row in self.rows.items() if key[0] == 'news'}


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
        self.ask_for(number, f'/accel?ctrl={"wwad"[number % 4]}')

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
        if self.captain('rename', name=old, new=f'{old[0]}x').status == 200:
            self.ids[f'{old[0]}x'] = self.ids.pop(old)

    def kick(self, number):
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
        self.game.crash() if number % 2 else self.game.restart()

    def ask(self, number):
        screen, fresh = self.screens[number % 2], Screen(self.say)
        screen.ask()
        assert fresh.ask()['since'] == 0
        assert screen.picture() == fresh.picture()
        assert screen.news().items() >= fresh.news().items()


EVENTS = ['join', 'row', 'sail', 'ping', 'look', 'ride', 'find', 'quit', 'go_and_return', 'wait', 'put_the_clock_back',
          'freeze', 'rename', 'kick', 'round', 'go_back', 'end', *['ask', 'row', 'wait'] * 6]


@settings(max_examples=60, deadline=None, print_blob=False)
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
