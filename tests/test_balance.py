"""Is the game fair, and does it last? The five targets, on a club evening that benchmarks/balance.py plays."""
import math
import sys

import pytest
from conftest import ROOT

import mocean

sys.path.insert(0, str(ROOT / 'benchmarks'))
import balance

SEEDS = 1, 2, 3


@pytest.fixture(scope='module')
def evenings():
    """Three evenings in the club: seed -> [Played, ...]"""
    return {seed: balance.play_club(seed) for seed in SEEDS}


@pytest.fixture(scope='module')
def targets(evenings):
    """How they have come out, on average."""
    return balance.average([balance.targets_of(club, balance.play_alone(seed)) for seed, club in evenings.items()])


# --- the five targets: with a margin to what must be (balance.MOST, balance.LEAST) ------------------------------------

def test_ten_minutes_are_not_the_whole_evening(targets):
    """In its first ten minutes nobody has more than a fifth of all that one boat could earn."""
    assert targets.first_ten_club < 0.18 and targets.first_ten_alone < 0.195, targets


def test_who_comes_late_with_a_good_program_is_in_the_upper_half(targets):
    assert targets.late_rank < 0.45, targets


def test_waiting_earns_nothing_to_speak_of(targets):
    assert targets.sleeper < 0.07, targets


def test_a_better_program_earns_visibly_more(targets):
    """Typist, then looper and surveyor, hunter, planner, navigator: in this order."""
    assert targets.step > 1.4, targets


def test_the_last_ten_minutes_are_worth_sailing(targets):
    """What a planner earns in minutes 80 to 90, beside minutes 20 to 30."""
    assert targets.lasting > 0.8, targets


def test_the_targets_are_met_with_a_margin(targets):
    for value, least, most in zip(targets, balance.LEAST, balance.MOST, strict=True):
        assert least <= value <= most, targets


# --- the bookkeeping -------------------------------------------------------------------------------------------------

def test_the_table_accounts_for_every_point(evenings):
    for club in evenings.values():
        for boat in club:
            assert boat.score() == boat.points, boat.kind


def test_no_boat_ever_loses_points(evenings):
    for club in evenings.values():
        for boat in club:
            scores = [boat.score(minute) for minute in range(1, balance.MINUTES + 1)]
            assert scores == sorted(scores), boat.kind


def test_the_same_seed_plays_the_same_evening():
    first, again, other = (balance.play(seed, settle_a_few, minutes=5) for seed in (7, 7, 8))
    assert first == again and first != other


def settle_a_few(evening):
    for kind in ('navigator', 'planner', 'hunter', 'looper', 'typist'):
        evening.enter(kind, kind)


# --- who tries to get points without time ----------------------------------------------------------------------------

def play_one(kind, minutes=10):
    played, = balance.play(1, lambda evening: evening.enter(kind, 'sly'), minutes)
    return played


def test_calls_that_cost_no_time_earn_nothing():
    """Some quests are met by the way; then that is all."""
    farmer = play_one('farmer', minutes=4)
    assert farmer.score(4) == farmer.score(1) <= 1 + 4 * mocean.QUEST_POINTS, farmer.earned


def test_who_quits_and_joins_again_begins_again(evenings):
    quitter, hunter = play_one('quitter'), play_one('hunter')
    assert quitter.first_ten() < hunter.first_ten() / 2, quitter.earned[-1]


def test_the_net_fills_up(evenings):
    for club in evenings.values():
        for boat in club:
            assert boat.earned[-1]['net'] <= mocean.MOST_NET_POINTS, boat.kind


def test_a_diagonal_is_no_short_cut():
    """Two sectors for ten steps northeast, but not in the time of ten steps east."""
    diagonal, navigator = play_one('diagonal'), play_one('navigator')
    assert diagonal.first_ten() < navigator.first_ten() / 2, diagonal.earned[-1]


class Sounder(balance.Bot):
    """Sounds on its way, with the sonar, which reaches into the sectors beside."""

    def play(self):
        self.evening.give(self, 'imaging sonar')
        self.sectors = set()
        for heading in ('east', 'east', 'northeast', 'north', 'west', 'west', 'south'):
            yield from self.move(heading, 4)
            yield from self.do('ping')
            self.sectors.add(mocean.sector_key(self.x, self.y))


def test_a_sonar_takes_no_sounding_from_whoever_comes_after(monkeypatch):
    """One point a ping at most; so what its patch reaches beside can still be had, and the chart does not have it."""
    monkeypatch.setitem(balance.PROGRAMS, 'sounder', Sounder)
    with balance.evening_of(1) as evening:
        bot = evening.enter('sounder', 'sly')
        evening.run(1)
        assert len(bot.sectors) > 1 and set(evening.ocean.depths) == bot.sectors
        assert bot.earned[-1]['soundings'] == len(bot.sectors)
        assert sum(bot.earned[-1].values()) == evening.ocean.boats[bot.key].score


# --- races and beginners ---------------------------------------------------------------------------------------------

def test_a_better_program_sails_a_better_race():
    """The order given, the nearest mark, 2-opt; then the same with every `expect` right."""
    raced = balance.race(3)
    given, flat, near, untangled, best = (sum(seconds for seconds, _ in raced[kind]) for kind in balance.RACERS)
    assert all(len(laps) == 3 for laps in raced.values())
    assert given > 1.4 * near and flat > 1.1 * near and near > untangled, raced
    assert untangled * mocean.EXPECT_PRICE == pytest.approx(best, rel=0.02), raced


class Beginner(balance.Bot):
    """Types one call every five seconds: look, go there, dive, get."""

    def play(self):
        while not (lying := [thing for thing in (yield 'look', {})['things'] if thing['kind'] == 'treasure']):
            yield 5
        x, y, z = (lying[0][name] for name in 'xyz')
        while mocean.distance(self.x, self.y, x, y) > mocean.REACH_CELLS:
            yield 5
            yield from self.move(mocean.bearing(self.x, self.y, x, y), 5)
        for _ in range(mocean.DIVE_M, math.ceil(z), mocean.DIVE_M):
            yield 5
            yield from self.dive('down')
        yield 5
        yield 'get', {'item': 'treasure'}


@pytest.mark.parametrize('seed', range(5))
def test_a_class_of_beginners_finds_something_within_the_first_minute(monkeypatch, seed):
    monkeypatch.setitem(balance.PROGRAMS, 'beginner', Beginner)

    def settle(evening):
        for number in range(30):
            evening.enter('beginner', f'beginner{number}')
    played = balance.play(seed, settle, minutes=1)
    assert len(played) == 30 and min(boat.points for boat in played) >= mocean.TREASURE_POINTS
