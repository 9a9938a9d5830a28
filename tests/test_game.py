"""The rules of Mocean, with the clock in the hand: oars, sails, treasures, whales, talk, score, restarts."""
import math
import random
import threading

import pytest
from conftest import ROOT
from game import NOON, fetch, off, row

import mocean

WIDTH, HEIGHT = mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS
EVERGREEN = [name for name, treasure in mocean.TREASURES.items() if treasure.evergreen]
OWNED = [name for name in mocean.TREASURES if name not in EVERGREEN]


# --- oars ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('start', [(0, 0), (599, 399), (0, 399), (599, 0), (300, 200)])
def test_the_ocean_has_no_edge(game, ada, start):
    for heading in [*mocean.HEADINGS, *mocean.SHORT]:
        ada.put(x=start[0], y=start[1])
        dx, dy = mocean.HEADINGS[mocean.SHORT.get(heading, heading)]
        assert ada(f'/move?heading={heading}&steps=3') == '{},{},0'.format(*off(start, 3 * dx, 3 * dy))
        game.wait(1)


def test_a_loop_without_a_pause_goes_at_hull_speed(game, ada):
    ada('/move?heading=east&steps=10')                     # what a boat at rest has saved
    began = game.now
    for _ in range(40):
        assert ada('/move?heading=east').status == 200      # each answer takes as long as its cell
    assert game.now - began == pytest.approx(4)


def test_a_diagonal_cell_costs_its_length(game, ada):
    ada('/move?heading=east&steps=10')
    began = game.now
    for heading in ('northeast', 'northwest', 'southwest', 'southeast') * 5:
        assert ada(f'/move?heading={heading}').status == 200
    assert game.now - began == pytest.approx(20 * math.sqrt(2) / 10)


def test_who_is_too_early_hears_how_long_to_wait(game, ada):
    ada('/move?heading=east&steps=10')
    here = ada.place()
    early = ada('/move?heading=east&steps=5')
    assert (early.status, early.headers['Retry-After']) == (429, '1')
    assert early.lines[0] == 'too early by 0.4 s: your boat goes 10 cells a second; wait, then call again'
    assert ada('/move?heading=east&steps=5&format=json').json()['wait_s'] == 0.4
    assert ada.place() == here
    game.wait(0.4)                                          # and one cell is waited for
    assert ada('/move?heading=east&steps=5').status == 200


def test_only_one_second_of_rest_is_saved(game, ada):
    game.wait(3600)
    assert ada('/move?heading=east&steps=10').status == 200
    assert ada('/move?heading=east&steps=10').status == 429


def test_a_call_that_waits_lets_the_others_play(game, ada, bob):
    """While ada's answer is held back, bob asks and is answered."""
    ada('/move?heading=east&steps=10')
    asking, answers = threading.Thread(target=lambda: answers.append(bob('/name')), daemon=True), []

    def sleep(seconds):
        answers.append(round(seconds, 3))
        asking.start()
        asking.join(5)
        answers.append(asking.is_alive())
    game.sea.sleep = sleep
    answers.append(ada('/move?heading=east').status)
    assert answers == [1 / 10, 'bob', False, 200]


@pytest.mark.parametrize('fields, cells, diagonally', [
    ({}, 10, 7),
    ({'z': 10}, 5, 3),
    ({'z': 10, 'items': ['submarine']}, 10, 7),
    ({'fast_until': 60}, 20, 14),
    ({'z': 10, 'fast_until': 60}, 10, 7),
    ({'riding': 'Quincy', 'ride_until': 60}, 20, 14),
    ({'riding': 'Quincy', 'ride_until': 60, 'fast_until': 60}, 40, 28)])
def test_speed_limits(ada, fields, cells, diagonally):
    """More steps than a full bank pays would be refused for ever."""
    ada.put(**fields)
    for heading, most in (('east', cells), ('northwest', diagonally)):
        refused = ada(f'/move?heading={heading}&steps={most + 1}')
        assert refused.status == 400 and f'steps={most}' in refused.lines[1]
        assert refused.lines[0] == (f'steps was {most + 1}; your boat goes at most {most} cells {heading} '
                                    f'in one call {"under water" if "z" in fields else "now"}')
    assert ada(f'/move?heading=east&steps={cells}').status == 200
    assert ada('/move?heading=east&steps=5').status == 429


# --- sails -----------------------------------------------------------------------------------------------------------

def test_under_sail_the_place_follows_from_the_time(game, ada):
    x, y, _ = ada.place()
    assert ada('/accel?ctrl=w') == f'{x:g},{y:g},0,0,2,1.5708'           # a new boat looks north
    for seconds in (0.5, 1, 10):
        game.wait(seconds)
        y += 2 * seconds
        assert ada.place() == pytest.approx((x, y % HEIGHT, 0))
    assert ada('/velocity') == '0,2,1.5708'


def test_others_see_a_boat_sail(game, ada, bob):
    x, y, _ = ada.place()
    bob.put(x=x + 5, y=y)
    ada('/accel?ctrl=w')
    for seconds in range(1, 5):
        game.wait(1)
        there = f'player,ada,{x:g},{y + 2 * seconds:g},0,'
        assert bob('/look').startswith(there), bob('/look')
        assert ada.sees() == ['bob']                         # not itself
    game.wait(10)
    assert 'ada' not in bob.sees()


def test_sails_have_a_highest_speed_and_none_below_zero(ada):
    for speed in (2, 4, 6, 8, 10, 10, 10):
        assert ada.numbers('/accel?ctrl=w')[4] == pytest.approx(speed)
    for speed in (8, 6, 4, 2, 0, 0, 0):
        assert ada.numbers('/accel?ctrl=s')[4] == pytest.approx(speed)


def test_sixteen_turns_make_a_circle(ada):
    assert ada.numbers('/accel?ctrl=a')[5] == pytest.approx(5 / 8 * math.pi, abs=1e-4)      # left is towards the west
    assert ada.numbers('/accel?ctrl=d')[5] == pytest.approx(math.pi / 2, abs=1e-4)
    headings = [ada.numbers('/accel?ctrl=d')[5] for _ in range(16)]
    assert headings[-1] == pytest.approx(math.pi / 2, abs=1e-3)
    assert len(set(headings)) == 16 and all(0 <= heading < 2 * math.pi for heading in headings)


def test_sails_reach_every_direction(game, ada):
    for turn in range(16):
        ada('/accel?ctrl=w')
        x, y, _ = ada.place()
        vx, vy, heading = ada.numbers('/velocity')
        assert (vx, vy) == pytest.approx((2 * math.cos(heading), 2 * math.sin(heading)), abs=0.01)
        game.wait(3)
        assert ada.place() == pytest.approx((*off((x, y), 3 * vx, 3 * vy), 0), abs=0.05), turn
        ada('/stop')
        ada('/accel?ctrl=a')


def test_stop_takes_the_sails_down(game, ada):
    ada('/accel?ctrl=w')
    game.wait(3.4)
    x, y, z, vx, vy, _ = ada.numbers('/stop')
    assert (vx, vy) == (0, 0)
    game.wait(60)
    assert ada.place() == (x, y, z)
    assert ada.numbers('/velocity')[:2] == [0, 0]


@pytest.mark.parametrize('first', ['', '/stop'])
def test_oars_go_from_whole_cell_to_whole_cell(game, ada, first):
    """move takes the sails down, wherever they carried the boat."""
    ada('/accel?ctrl=w')
    ada('/accel?ctrl=a')
    game.wait(3.3)
    if first:
        ada(first)
    x, y, _ = ada.place()
    assert x % 1 or y % 1
    there = ada.numbers('/move?heading=east')
    assert there == [round(x) + 1, round(y), 0]
    game.wait(5)
    assert list(ada.place()) == there


@pytest.mark.parametrize('call, seconds, speed', [
    ('/ping', 0.5, 10), ('/accel?ctrl=s', 0.1, 8), ('/accel?ctrl=w', 0.1, 10),
    ('/sendchat?name=all&message=hi', 0.1, 10)])
def test_the_time_that_a_call_costs_is_not_sailed(game, ada, call, seconds, speed):
    ada.put(x=100, y=100, speed=10, course=0, at=game.now)
    game.wait(2)
    began = game.now
    assert ada(call).status == 200
    assert game.now - began == pytest.approx(seconds)
    assert ada.place() == pytest.approx((120, 100, 0))
    game.wait(3)
    assert ada.place() == pytest.approx((120 + 3 * speed, 100, 0))


def test_the_way_to_a_whole_cell_is_paid_like_any_other(game, ada):
    ada.put(x=100, y=100, speed=2, course=0, at=game.now)
    game.wait(1.2)                                          # to 102.4
    began = game.now
    assert ada.numbers('/move?heading=east') == [103, 100, 0]
    assert game.now - began == pytest.approx((0.4 + 1) / 10)


def test_sails_never_give_a_boat_more_than_its_speed(game, ada):
    """A second under sail is a second of the boat's time: nothing is saved for the oars."""
    for _ in range(5):
        ada('/accel?ctrl=w')
    game.wait(5)
    assert ada('/move?heading=north&steps=3').status == 429
    game.wait(0.1)
    assert ada('/move?heading=north').status == 200


@pytest.mark.parametrize('steps', [3, 5, 10])
def test_who_sails_and_waits_as_told_may_row(game, ada, steps):
    """A refused move has taken the sails down already: the way made is made, and from then on the boat rests."""
    ada('/accel?ctrl=w')
    game.wait(5)
    path = f'/move?heading=east&steps={steps}'
    refused = ada(path + '&format=json')
    assert refused.status == 429 and ada.numbers('/velocity')[:2] == [0, 0]
    x, y, _ = ada.place()
    game.wait(refused.json()['wait_s'])
    assert ada.numbers(path) == [(x + steps) % WIDTH, y, 0]


def test_a_slip_of_the_pen_leaves_the_sails_up(game, ada):
    ada('/accel?ctrl=w')
    game.wait(5)
    assert ada('/move?heading=east&steps=99').status == 400
    assert ada.numbers('/velocity')[1] == 2


def test_a_refused_call_takes_nobody_off_the_whale(game, ada, whale):
    ada.put(items=('iron dust',))
    ada('/use?item=iron dust')
    ada('/get?item=whale')
    ada.put(paid=game.now + 1)
    assert ada('/dive?ctrl=f').status == 429
    assert ada.boat.riding == 'Quincy' and ada.boat.z == 0


def test_due_south_is_due_south(game, ada):
    ada.put(x=0, y=300, course=12, speed=10, at=game.now)
    game.wait(40)
    x, y, _, wrapped, *_ = ada.numbers('/location')
    assert (x, y, wrapped) == (0, (300 - 10 * 40) % HEIGHT, 1)
    entered = {key for key, first in game.ocean.sectors.items() if first.name == 'ada'}
    column = {f'0,{row}' for row in range(mocean.ROWS)}
    assert entered <= column | {mocean.sector_key(*game.plain())}


@pytest.mark.parametrize('x, told', [(WIDTH - 0.003, 0), (WIDTH - 0.02, WIDTH - 0.02)])
def test_no_place_is_told_that_does_not_exist(game, ada, bob, x, told):
    """What would be rounded up to the width is the other side of the seam."""
    ada.put(x=x)
    bob.put(x=5, y=ada.boat.y)
    assert ada.numbers('/location')[0] == told
    assert float(bob('/look').lines[0].split(',')[2]) == told
    boats = game.say('/chart').json()['boats']              # a tenth of a cell is enough for the map
    assert [boat['x'] for boat in boats if boat['name'] == 'ada'] == [round(told, 1) % WIDTH]


def test_sails_down_at_the_seam_is_over_the_seam(game, ada):
    ada.put(x=WIDTH - 0.3, speed=1, at=game.now)
    assert ada.numbers('/move?heading=north')[0] == 0
    assert ada.numbers('/location')[3] == 1


def test_under_water_sails_are_slower(ada):
    for _ in range(5):
        ada('/accel?ctrl=w')
    ada('/dive?ctrl=f')
    assert ada.numbers('/velocity')[1] == 5
    assert ada.numbers('/accel?ctrl=w')[4] == 5
    ada.put(items=('submarine',))
    assert ada.numbers('/accel?ctrl=w')[4] == 7


def test_a_rising_floor_lifts_a_sailing_boat(game, ada):
    x, y, summit = game.hill('ROV')
    ada.put(x=x, y=(y - 40) % HEIGHT, z=min(25, game.ocean.floor(x, y - 40)), speed=10, at=game.now)
    depths = [ada.boat.z]
    for _ in range(80):
        game.wait(0.1)
        here = ada.place()
        assert here[2] <= game.ocean.floor(*here[:2]) + 0.2
        depths.append(here[2])
    assert depths == sorted(depths, reverse=True) and depths[-1] == pytest.approx(summit, abs=0.2)


def test_a_sailing_boat_is_lifted_even_if_nobody_looks(game, ada):
    """The whole way counts, not only its ends."""
    x, y, summit = game.hill('ROV')
    ada.put(x=x, y=(y - 50) % HEIGHT, z=min(25, game.ocean.floor(x, y - 50)), speed=10, at=game.now)
    game.wait(10)
    assert ada.place() == (x, (y + 50) % HEIGHT, summit)


def test_a_rising_floor_lifts_a_rowing_boat(game, ada):
    x, y, summit = game.hill('ROV')
    ada.put(x=(x - 20) % WIDTH, y=y, z=min(25, game.ocean.floor(x - 20, y)))
    row(ada, 'east', 20, at_once=5)
    assert ada.place() == (x, y, summit)


def test_a_boat_that_nobody_speaks_to_drops_its_sails(game, ada):
    ada.put(speed=0.1, at=game.now)
    x, y, _ = ada.place()
    game.wait(mocean.SAIL_S + 1000)
    chart = game.say('/chart').json()
    assert chart['boats'][0]['y'] == (y + 0.1 * mocean.SAIL_S) % HEIGHT
    game.wait(1)
    assert game.say(f'/chart?since={chart["next"]}').json()['boats'] == []
    game.say('/who')
    assert not game.ocean.sailing                           # looking round costs no more for one that is gone
    assert ada.numbers('/velocity')[:2] == [0, 0]
    assert ada.place() == pytest.approx((x, (y + 0.1 * mocean.SAIL_S) % HEIGHT, 0))
    game.wait(1000)
    assert ada.place()[1] == pytest.approx((y + 0.1 * mocean.SAIL_S) % HEIGHT)


def test_a_boat_that_is_spoken_to_sails_on(game, ada):
    ada.put(speed=0.1, at=game.now)
    x, y, _ = ada.place()
    for _ in range(4):
        game.wait(mocean.SAIL_S / 2)
        ada('/look')
    assert ada.place()[1] == pytest.approx((y + 0.1 * mocean.SAIL_S * 2) % HEIGHT)


def test_the_track_of_a_boat_that_nobody_speaks_to_ends_where_its_sails_drop(game, ada):
    """What the data service hears once a second."""
    mocean.measured(game.sea)
    ada('/accel?ctrl=w')
    x, y, _ = ada.place()
    heard = []
    for seconds in (0, mocean.SAIL_S, 1, 1000):
        game.wait(seconds)
        heard.append([tuple(row) for row in mocean.measured(game.sea)[0]])
    began = int(NOON + game.seconds) - 1001 - mocean.SAIL_S
    ended = began + mocean.SAIL_S
    assert heard == [[('ada', began, x, y, 0)], [('ada', ended, x, (y + 2 * mocean.SAIL_S) % HEIGHT, 0)], [], []]


# --- location and its flags ------------------------------------------------------------------------------------------

@pytest.mark.parametrize('start, heading', [
    ((599, 10), 'east'), ((0, 10), 'west'), ((10, 399), 'north'), ((10, 0), 's')])
def test_crossing_a_seam_is_told_once(ada, start, heading):
    ada.put(x=start[0], y=start[1])
    assert ada.numbers('/location')[3] == 0
    ada(f'/move?heading={heading}')
    assert ada.numbers('/location')[3] == 1
    assert ada.numbers('/location')[3] == 0


def test_sails_cross_a_seam_too(game, ada):
    ada.put(y=HEIGHT - 1, speed=2, at=game.now)
    game.wait(2)
    assert ada.numbers('/location')[1:4] == [3, 0, 1]


def test_a_message_waits(ada, bob):
    assert ada.numbers('/location')[4] == 0
    bob('/sendchat?name=ada&message=hi')
    assert ada.numbers('/location')[4] == 1
    ada('/popchat')
    assert ada.numbers('/location')[4] == 0


@pytest.mark.parametrize('items, reach', [((), 10), (('boat hook',), 35)])
def test_something_is_near(game, ada, bob, items, reach):
    x, y = game.plain()
    ada.put(x=x, y=y, items=items)
    bob.put(x=x + reach, y=y)
    assert ada.numbers('/location')[5] == 1
    bob.put(x=x + reach + 1, y=y)
    assert ada.numbers('/location')[5] == 0


def test_the_whale_under_a_boat_is_not_something_near(game, ada, whale):
    assert ada.numbers('/location')[5] == 1
    ada.put(items=('iron dust',))
    ada('/use?item=iron dust')
    assert ada('/get?item=whale').status == 200 and ada.boat.riding == 'Quincy'
    assert ada.numbers('/location')[5] == 0


# --- dive, look, ping ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('down, up', [('ctrl=f', 'ctrl=r'), ('direction=down', 'direction=up')])
def test_dive_goes_five_metres_a_time(game, ada, down, up):
    for z in (5, 10, 15, 20, 25, 30, 30):
        assert ada.numbers(f'/dive?{down}')[2] == pytest.approx(z, abs=0.1)      # the plain is 30 m deep
        game.wait(1)
    for z in (25, 20, 15, 10, 5, 0, 0):
        assert ada.numbers(f'/dive?{up}')[2] == pytest.approx(z, abs=0.1)
        game.wait(1)


@pytest.mark.parametrize('ways', ['', '?ctrl=f&direction=up', '?ctrl=r&direction=down'])
def test_dive_asks_which_way(ada, ways):
    asks = ada(f'/dive{ways}')
    assert (asks.status, asks.lines[0]) == (400, 'which way? ctrl is f (down) or r (up); direction is down or up')
    assert 'direction=down' in asks.lines[1] and 'ctrl' not in asks.lines[1]
    assert ada.place()[2] == 0


def test_the_sea_floor_stops_a_dive(game, ada):
    x, y, summit = game.hill('binoculars')
    ada.put(x=x, y=y)
    for _ in range(5):
        ada('/dive?ctrl=f')
        game.wait(1)
    assert ada.place() == (x, y, summit)


def test_dives_take_time(game, ada):
    """As long as a cell of a boat that is where the dive leads: 5 cells a second under water, 10 above."""
    ada('/move?heading=east&steps=10')
    for way, seconds in (('down', 0.2), ('down', 0.2), ('up', 0.2), ('up', 0.1)):
        began = game.now
        assert ada(f'/dive?direction={way}').status == 200
        assert game.now - began == pytest.approx(seconds)


def test_no_summit_is_higher_than_five_metres_below_the_surface(game, ada):
    game.happen(planet={'mocean': {'seed': 70}})            # two hills stand on each other's feet there
    x, y, summit = game.hill('iron dust')
    ada.put(x=x, y=y)
    assert summit == 5 and ada('/ping') == '5'


@pytest.mark.parametrize('z, cells', [(0, 20), (10, 15), (20, 10), (30, 5)])
def test_sight_shrinks_with_depth(ada, bob, z, cells):
    x, y, _ = ada.place()
    ada.put(z=z)
    bob.put(x=x + cells, y=y)
    assert ada.sees() == ['bob']
    bob.put(x=x + cells + 1, y=y)
    assert ada.sees() == []


def test_sight_is_never_below_five_cells(ada, bob):
    ada.put(z=50, items=('submarine',))
    bob.put(x=ada.boat.x + 5, y=ada.boat.y)
    assert ada.sees() == ['bob']


@pytest.mark.parametrize('here', [(0, 0), (599, 399), (0, 399), (599, 0)])
def test_one_sees_across_the_seams(game, ada, bob, here):
    game.happen(finds={name: {'name': 'x', 'at': NOON} for name in mocean.TREASURES})
    ada.put(x=here[0], y=here[1])
    for east in (-6, 0, 6):
        for north in (-8, 0, 8):
            there = off(here, east, north)
            bob.put(x=there[0], y=there[1])
            game.happen(whales={'Quincy': {'x': there[0], 'y': there[1]}})
            for who in ('player,bob', 'whale,Quincy'):
                line = '{},{},{},0,{}'.format(who, *there, mocean.tidy(math.hypot(east, north)))
                assert line in ada('/look').lines


@pytest.mark.parametrize('east, north', [(90, 0), (-90, 0), (0, 90), (0, -90)])
def test_treasures_are_seen_across_the_seams(game, ada, east, north):
    beyond = [(name, x, y, z) for name, x, y, z in game.ocean.floor.treasures
              if off((x, y), east, north) != (x + east, y + north)]
    assert beyond
    for name, x, y, z in beyond:
        there = off((x, y), east, north)
        ada.put(x=there[0], y=there[1], items=('binoculars',))
        assert f'treasure,{name},{x},{y},{z:g},90' in ada('/look').lines


def test_a_crowd_hides_no_treasure(game, ada):
    x, y, z = game.hill('crash alert')
    ada.put(x=x, y=y + 15)
    for number in range(30):
        game.join(f'crowd{number}').put(x=x, y=y + 14)
    lines = ada('/look').lines
    assert f'treasure,crash alert,{x},{y},{z:g},15' in lines
    assert sum(line.startswith('player') for line in lines) == mocean.MOST_SEEN


@pytest.mark.parametrize('items, cells', [((), 20), (('binoculars',), 100)])
@pytest.mark.parametrize('crowd', [8, 300])
def test_the_nearest_boats_are_seen_and_none_is_missed(game, ada, crowd, items, cells):
    """Against a search through all boats: anchored, under sail, over the seams and the edges of the squares."""
    dice = random.Random(crowd)
    others = []
    for number in range(crowd):
        game.wait(1 / mocean.JOINS_PER_S)
        others.append(game.join(f'b{number}'))
    for turn in range(300):
        for other in others if turn % 20 == 0 else ():
            other.put(x=dice.randrange(-40, 40) % WIDTH, y=dice.randrange(-40, 40) % HEIGHT, at=game.now,
                      speed=dice.choice([0, 10]), course=dice.randrange(mocean.CIRCLE))
        game.wait(0.03)                                     # most of the time nobody is put into a new square
        x, y = dice.uniform(-15, 15) % WIDTH, dice.uniform(-15, 15) % HEIGHT
        ada.put(x=x, y=y, items=items)
        away = sorted((mocean.distance(x, y, *mocean.place(boat, game.now)), boat.name)
                      for key, boat in game.ocean.boats.items() if key != 'ada')
        near = [name for far, name in away[:mocean.MOST_SEEN] if far <= cells]
        assert [line.split(',')[1] for line in ada('/look').lines if line.startswith('player')] == near
        within_reach = away[0][0] <= mocean.REACH_CELLS
        assert ada('/location')[-1] == str(int(within_reach))


def test_what_is_seen_comes_nearest_first(game, ada, bob):
    x, y, _ = ada.place()
    bob.put(x=x, y=y + 7)
    game.happen(whales={'Fitz': {'x': x + 3, 'y': y}, 'Quincy': {'x': x, 'y': y - 9}})
    assert ada.sees() == ['Fitz', 'bob', 'Quincy']
    kind, name, *place, away = ada('/look').lines[0].split(',')
    assert (kind, name, *map(float, place), float(away)) == ('whale', 'Fitz', x + 3, y, 0, 3)


def test_ping_sounds_the_sea_floor(game, ada):
    for treasure in mocean.TREASURES:
        x, y, z = game.hill(treasure)
        ada.put(x=x, y=y)
        assert float(ada('/ping')) == z
        assert ada('/ping?format=json').json() == {'depth': z}


def test_a_ping_takes_half_a_second(game, ada):
    ada('/move?heading=east&steps=10')
    began = game.now
    assert [ada('/ping').status for _ in range(10)] == [200] * 10
    assert game.now - began == pytest.approx(5)


# --- treasures -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('treasure', mocean.TREASURES)
def test_get_takes_a_treasure(game, ada, treasure):
    assert fetch(ada, treasure) == f'{treasure},40'
    assert ada.items() == [treasure]
    assert ada.score() == 40
    assert game.news()[-1] == f'ada found the {treasure}'
    assert game.say('/chart').json()['treasures'][0]['owner'] == 'ada'


@pytest.mark.parametrize('treasure', OWNED)
def test_a_treasure_has_one_owner(game, ada, bob, treasure):
    fetch(ada, treasure)
    late = fetch(bob, treasure)
    assert (late.status, bob.items(), bob.score()) == (409, [], 0)
    assert treasure not in bob.sees()


@pytest.mark.parametrize('treasure', EVERGREEN)
def test_evergreens_stay_for_everybody(game, ada, bob, treasure):
    assert fetch(ada, treasure) == fetch(bob, treasure) == f'{treasure},40'
    assert ada('/get?item=treasure').status == 409          # one is enough
    assert treasure in ada.sees()
    assert sum('found' in text for text in game.news()) == 1


def test_get_from_too_far_or_too_high(game, ada):
    x, y, z = game.hill('ROV')
    ada.put(x=x + 11, y=y, z=z)
    refused = ada('/get?item=treasure')
    assert (refused.status, refused.lines[0]) == (
        409, 'no treasure within 10 cells of you that you do not have; look around')
    assert refused.lines[1] == f'try: http://localhost:80/look?id={ada.id}'
    ada.put(x=x + 10, y=y, z=z)
    assert ada('/get?item=treasure') == 'ROV,40'


@pytest.mark.parametrize('z_off, status', [(5, 200), (5.1, 409)])
def test_arms_are_five_metres_long(game, ada, z_off, status):
    x, y, z = game.hill('boat hook')
    ada.put(x=x, y=y, z=max(z - z_off, 0))
    reply = ada('/get?item=treasure')
    assert reply.status == (status if z >= z_off else 200)
    if reply.status == 409:
        assert reply.lines[0] == (f'the boat hook lies {z:g} m deep and you are at {z - z_off:g} m; '
                                  '5 m is as far as you reach')
        assert f'/dive?id={ada.id}&direction=down' in reply.lines[1]


def test_use_needs_the_treasure(ada):
    for treasure in mocean.TREASURES:
        refused = ada(f'/use?item={treasure}')
        assert refused.status == 409
        assert refused.lines[0] == f'you do not have the {treasure}; your inventory tells what you have'
        assert f'/inventory?id={ada.id}' in refused.lines[1]
    assert ada('/use?item=crash_alarm').lines[0] == "item was 'crash_alarm'; did you mean crash alert?"


def test_fishing_net(game, ada):
    """A catch once a minute, 2 points, each time in other waters."""
    ada.put(items=('fishing net',))
    assert ada('/use?item=fishing net') == 'a good catch: 2 points'
    game.wait(50)
    row(ada, 'east', 10, at_once=10)
    game.wait(8)
    early = ada('/use?item=fishing net&format=json')
    assert (early.status, early.json()['wait_s']) == (429, 1)
    game.wait(1)
    ada('/use?item=fishing net')
    assert ada.score() == 4


def test_crash_alert(game, ada):
    """Names the nearest seamount and the way to it, also across the seams."""
    for hill in game.ocean.floor.seamounts:
        x, y = off((hill.x, hill.y), 30, 0)
        ada.put(x=x, y=y, items=('crash alert',))
        assert ada('/use?item=crash alert') == f'{hill.name},30,west'


def test_rov(game, ada, bob):
    """Looks at the sea floor up to 50 cells away: treasures only."""
    x, y, z = game.hill('sandwich')
    ada.put(x=x, y=(y + 50) % HEIGHT, items=('ROV',))
    bob.put(x=x, y=(y + 45) % HEIGHT)
    game.happen(whales={'Quincy': {'x': x, 'y': (y + 45) % HEIGHT}})
    assert ada('/use?item=ROV') == f'treasure,sandwich,{x},{y},{z:g},50'
    assert 'sandwich' not in ada.sees()
    ada.put(x=(x + 1) % WIDTH)
    assert ada('/use?item=ROV') == ''


def test_submarine(game, ada):
    """Submerged at hull speed, and into the trench."""
    floor = game.ocean.floor
    x, y = next((x, y) for x in range(0, WIDTH, 5) for y in range(HEIGHT) if floor(x, y) == mocean.TRENCH_M)
    for items, deepest in (((), 30), (('submarine',), 50)):
        ada.put(x=x, y=y, z=0, items=items)
        for _ in range(11):
            ada('/dive?ctrl=f')
            game.wait(1)
        assert ada.place()[2] == deepest
    assert ada('/move?heading=east&steps=10').status == 200


def test_imaging_sonar(game, ada):
    """Besides the depth a ping returns 11 by 11 depths, the north first; a sector's point is that of the boat's own."""
    x, y, z = game.hill('imaging sonar')
    fetch(ada, 'imaging sonar')
    reply = ada.json('/ping')
    assert reply['depth'] == z and float(ada('/ping')) == z
    assert reply['patch'] == [[game.ocean.floor(x + dx, y + dy) for dx in range(-5, 6)] for dy in range(5, -6, -1)]
    game.happen(depths={key: None for key in game.ocean.depths})
    ada.put(x=9, y=9, score=0)
    ada('/ping')                                           # the patch leaves the first sounding beside to others
    assert list(game.ocean.depths) == ['0,0'] and ada.score() == 1
    ada.put(x=10)
    game.wait(1)
    ada('/ping')
    assert sorted(game.ocean.depths) == ['0,0', '1,0'] and ada.score() == 2


def test_teleport_crystal(game, ada):
    fetch(ada, 'teleport crystal')
    asks = ada('/use?item=teleport crystal')
    assert (asks.status, asks.lines[0]) == (409, 'the teleport crystal asks where to')
    assert f'/teleport?id={ada.id}&x=300&y=200' in asks.lines[1]
    assert ada('/teleport?x=17&y=18') == '17,18,0'          # at the surface
    hot = ada('/teleport?x=1&y=1')
    assert hot.status == 429 and 'the crystal has to cool down' in hot
    assert ada('/use?item=teleport crystal') == asks       # also while it is hot
    game.wait(10)
    assert ada('/teleport?x=-1&y=401') == '599,1,0'


def test_teleport_needs_the_crystal(ada):
    refused = ada('/teleport?x=17&y=18')
    assert refused.status == 409
    assert refused.lines[0] == 'you do not have the teleport crystal; your inventory tells what you have'


def test_infundibulum(game, ada):
    """A random place, once a minute."""
    ada.put(items=('infundibulum',))
    places = set()
    for _ in range(10):
        places.add(ada('/use?item=infundibulum'))
        assert ada('/use?item=infundibulum').status == 429
        game.wait(60)
    assert len(places) == 10


def test_a_leap_charts_where_it_lands_and_stops_the_sails(game, ada):
    game.happen(sectors={'5,6': None})
    ada.put(items=('teleport crystal',), speed=10, at=game.now, z=10)
    ada('/teleport?x=55&y=65')
    game.wait(5)
    assert ada.place() == (55, 65, 0)
    assert game.ocean.sectors['5,6'].name == 'ada' and ada.score() == 1


def test_binoculars(ada, bob):
    """See 100 cells at the surface; under water they do not help."""
    ada.put(items=('binoculars',))
    bob.put(x=ada.boat.x, y=(ada.boat.y + 100) % HEIGHT)
    assert 'bob' in ada.sees()
    bob.put(y=(ada.boat.y + 101) % HEIGHT)
    assert 'bob' not in ada.sees()
    ada.put(z=10)
    bob.put(y=(ada.boat.y + 16) % HEIGHT)
    assert 'bob' not in ada.sees()


@pytest.mark.parametrize('cells', [145, 146, 200, 1000])
def test_binoculars_see_as_far_as_the_settings_say(game, ada, bob, monkeypatch, cells):
    monkeypatch.setattr(mocean, 'BINOCULARS_CELLS', cells)
    for x, y in [(0, 0), (49, 49), (300, 201)]:
        ada.put(x=x, y=y, items=('binoculars',))
        bob.put(x=(x + 300) % WIDTH, y=(y + 200) % HEIGHT)          # nothing is farther off than that
        near = {lying.name for lying in game.ocean.floor.treasures
                if mocean.distance(x, y, lying.x, lying.y) <= cells}
        assert set(ada.sees()) >= near and ('bob' in ada.sees()) == (cells == 1000)


def test_sandwich(game, ada):
    """Double speed for a minute, then it is eaten."""
    fetch(ada, 'sandwich')
    ada.put(z=0)
    assert ada('/use?item=sandwich') == 'delicious! You row twice as fast for 60 seconds'
    assert ada.items() == [] and ada('/use?item=sandwich').status == 409
    game.wait(59)
    assert ada('/move?heading=east&steps=20').status == 200
    game.wait(2)
    assert ada('/move?heading=east&steps=11').status == 400
    assert fetch(ada, 'sandwich').status == 409        # there is only one


def test_boat_hook(game, ada):
    """Reaches 35 cells instead of 10."""
    x, y, z = game.hill('binoculars')
    ada.put(x=x, y=(y + 35) % HEIGHT, z=z)
    assert ada('/get?item=treasure').status == 409
    ada.put(items=('boat hook',))
    assert ada('/get?item=treasure') == 'binoculars,40'


def test_iron_dust(game, ada):
    """A bloom for ten minutes; the dust is used up, and there is more where it came from."""
    fetch(ada, 'iron dust')
    ada.put(z=0)
    assert ada('/use?item=iron dust') == 'the plankton blooms here for 10 minutes'
    assert ada.items() == [] and ada('/use?item=iron dust').status == 409
    assert 'ada made the plankton bloom' in game.news()
    assert len(game.say('/chart').json()['blooms']) == 1
    game.wait(600)
    assert game.say('/chart').json()['blooms'] == []
    assert fetch(ada, 'iron dust') == 'iron dust,0'    # points only the first time


def test_always_working_treasures_say_so(ada):
    always = ('submarine', 'imaging sonar', 'binoculars', 'boat hook')
    ada.put(items=always)
    for treasure in always:
        does = mocean.TREASURES[treasure].does
        assert ada(f'/use?item={treasure}') == f'nothing to do: with the {treasure} {does}'


def test_one_word_of_a_treasure_is_enough_to_be_understood(ada):
    for short, whole in {'net': 'fishing net', 'sonar': 'imaging sonar', 'dust': 'iron dust',
                         'chrono-synclastic infundibulum': 'infundibulum'}.items():
        reply = ada(f'/use?item={short}')
        assert reply.lines[0] == f"item was '{short}'; did you mean {whole}?" and reply.status == 400


# --- whales ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def whale(game, ada):
    """Quincy, three cells east of ada."""
    game.happen(whales={'Quincy': {'x': ada.boat.x + 3, 'y': ada.boat.y, 'vy': 0.25, 'at': game.now}})
    return 'Quincy'


def bloom(game, ada):
    ada.put(items=('iron dust',))
    return ada('/use?item=iron dust')


def test_nobody_finds_the_seed_by_trying(game):
    assert game.ocean.planet['mocean'].seed > 2 ** 48


def test_another_planet_has_nothing_of_the_old_one(game, ada):
    """A fresh ocean for the same boats: other treasures in sight, other courses."""
    old, marks = game.ocean.floor.treasures, game.say('/course')
    game.happen(planet={'mocean': {'seed': 70}})
    for lying in old:
        ada.put(x=lying.x, y=lying.y)
        assert f'treasure,{lying.name},{lying.x},{lying.y},' not in ada('/look')
    assert game.say('/course') != marks


def test_seventeen_whales_swim_by_themselves(game):
    whales = game.ocean.whales
    before = {name: mocean.whale_place(game.ocean, whale, game.now) for name, whale in whales.items()}
    assert len(whales) == 17
    for name, whale in whales.items():
        after = mocean.whale_place(game.ocean, whale, game.now + 100)
        assert 5 < mocean.distance(*before[name], *after) < 60, name


def test_a_whale_is_seen_where_it_swims(game, ada, whale):
    x, y, _ = ada.place()
    for seconds in (0, 4, 8):
        assert ada('/look').startswith(f'whale,Quincy,{x + 3:g},{y + seconds / 4:g},0,')
        game.wait(4)


def test_the_first_sight_of_a_whale_is_news(game, ada, bob, whale):
    assert game.say('/chart').json()['whales'] == []          # the chart shows none that nobody has seen
    ada('/look')
    bob.put(x=ada.boat.x, y=ada.boat.y)
    bob('/look')
    assert [text for text in game.news() if 'saw' in text] == ['ada saw the whale Quincy']
    assert [whale['name'] for whale in game.say('/chart').json()['whales']] == ['Quincy']


def test_a_whale_is_ridden_only_in_a_bloom(game, ada, whale):
    refused = ada('/get?item=whale')
    assert refused.status == 409
    assert refused.lines[0] == 'a whale lets itself be ridden only in a plankton bloom; iron dust makes one'
    ada.put(items=('iron dust',))
    assert f'/use?id={ada.id}&item=iron%20dust' in ada('/get?item=whale').lines[1]
    ada('/use?item=iron dust')
    assert ada('/get?item=whale') == 'a ride on Quincy,10'
    assert ada.score() == 10 and ada.items('whale') == ['Quincy']
    assert game.news()[-1] == 'ada rides the whale Quincy'


def test_a_ride_needs_a_whale_within_reach_and_the_surface(game, ada, whale):
    bloom(game, ada)
    ada.put(z=5)
    assert ada('/get?item=whale').lines[0] == 'whales are ridden at the surface, and you are at 5 m'
    ada.put(z=0, y=ada.boat.y + 11)
    assert ada('/get?item=whale').lines[0] == 'no free whale within 10 cells of you; look around'


def test_a_whale_carries_its_rider_twice_as_fast(game, ada, bob, whale):
    x, y, _ = ada.place()
    bloom(game, ada)
    ada('/get?item=whale')
    game.wait(1)
    assert ada.numbers('/move?heading=east&steps=20') == [(x + 20) % WIDTH, y, 0]
    bob.put(x=(x + 30) % WIDTH, y=y)
    assert f'whale,Quincy,{(x + 20) % WIDTH:g},{y:g},0,10' in bob('/look').lines
    assert ada('/get?item=whale').lines[0] == 'you are riding Quincy already; row on'


def test_a_ridden_whale_is_not_free(game, ada, bob, whale):
    bloom(game, ada)
    ada('/get?item=whale')
    bob.put(x=ada.boat.x, y=ada.boat.y)
    assert bob('/get?item=whale').status == 409


def test_the_ride_ends_with_the_bloom(game, ada, whale):
    bloom(game, ada)
    ada('/get?item=whale')
    game.wait(599)
    assert ada.items('whale') == ['Quincy']
    game.wait(1)
    assert ada.items('whale') == []
    assert ada('/move?heading=east&steps=11').status == 400
    x, y, _ = ada.place()
    assert 'Quincy' in ada.sees()
    game.wait(40)
    assert f'whale,Quincy,{x:g},{y + 10:g},0,10' in ada('/look').lines     # it swims on from there


def test_a_whale_left_by_a_silent_rider_swims_on(game, ada, bob, whale):
    """It does not wait for the rider's next call, and the rider does not take it away from the next one."""
    x, y, _ = ada.place()
    bloom(game, ada)
    ada('/get?item=whale')
    game.wait(640)
    bob.put(x=x, y=y + 10)
    assert f'whale,Quincy,{x:g},{y + 10:g},0,0' in bob('/look').lines
    bloom(game, bob)
    assert bob('/get?item=whale') == 'a ride on Quincy,10'
    bob('/move?heading=south&steps=10')
    assert ada('/look').status == 200
    row(bob, 'south', 20, at_once=10)
    assert ada.items('whale') == [] and bob.items('whale') == ['Quincy']
    assert f'whale,Quincy,{x:g},{y - 20:g},0,0' in bob('/look').lines


@pytest.mark.parametrize('cells, status', [(30, 200), (31, 409)])
def test_a_bloom_is_thirty_cells_wide(game, ada, whale, cells, status):
    bloom(game, ada)
    ada.put(x=ada.boat.x + cells)
    game.happen(whales={'Quincy': {'x': ada.boat.x}})
    assert ada('/get?item=whale').status == status


def test_a_ride_lasts_as_long_as_the_last_of_the_blooms(game, ada, bob, whale):
    bob.put(x=ada.boat.x, y=ada.boat.y)
    bloom(game, ada)
    game.wait(8)
    bloom(game, bob)
    assert ada('/get?item=whale').status == 200
    assert len(game.say('/chart').json()['blooms']) == 2
    game.wait(599)
    assert ada.items('whale') == ['Quincy']
    game.wait(1)
    assert ada.items('whale') == []


def test_a_new_bloom_clears_the_old_ones_away(game, ada):
    for _ in range(3):
        bloom(game, ada)
        game.wait(600)
    assert len(game.ocean.blooms) == 1


def test_a_ride_begins_with_the_sails_down(game, ada, whale):
    bloom(game, ada)
    ada('/accel?ctrl=w')
    ada('/get?item=whale')
    here = ada.place()
    game.wait(5)
    assert ada.place() == here and ada.numbers('/velocity')[:2] == [0, 0]


def test_the_chart_shows_who_rides_a_whale_and_it_does_not_drift_ahead(game, ada, whale):
    bloom(game, ada)
    ada('/get?item=whale')
    for seconds, rider, velocity in ((0, 'ada', (0, 0)), (600, '', (0, 0.25))):
        game.wait(seconds)
        quincy, = game.say('/chart').json()['whales']
        assert (quincy['rider'], (quincy['vx'], quincy['vy'])) == (rider, velocity)


@pytest.mark.parametrize('call', ['/dive?ctrl=f', '/teleport?x=3&y=4'])
def test_diving_and_leaping_leave_the_whale(game, ada, whale, call):
    bloom(game, ada)
    ada('/get?item=whale')
    x, y, _ = ada.place()
    ada.put(items=('teleport crystal',))
    assert ada(call).status == 200
    assert ada.items('whale') == []
    assert mocean.whale_place(game.ocean, game.ocean.whales['Quincy'], game.now) == (x, y)


def test_only_the_first_ride_counts(game, ada, whale):
    for points in (10, 0):
        bloom(game, ada)
        assert ada('/get?item=whale') == f'a ride on Quincy,{points}'
        ada('/dive?ctrl=f')
        game.wait(1)
        ada('/dive?ctrl=r')
        game.wait(1)
    assert ada.score() == 10


# --- talk ------------------------------------------------------------------------------------------------------------

def test_a_letter_to_one(game, ada, bob):
    assert ada('/sendchat?name=BOB&message=ahoy, you there') == 'sent to 1 player'
    assert bob('/popchat') == 'ada,ahoy, you there'
    assert bob('/popchat') == '' and bob('/popchat?format=json').json() == {}
    assert ada('/popchat') == ''


@pytest.mark.parametrize('everybody', ['all', 'ALL'])
def test_a_letter_to_all(game, ada, bob, everybody):
    eve = game.join('eve')
    assert ada(f'/sendchat?name={everybody}&message=hi') == 'sent to 2 players'
    assert bob('/popchat') == eve('/popchat') == 'ada,hi'
    assert ada('/popchat') == ''


def test_a_letter_stays_private(game, ada, bob):
    ada('/sendchat?name=bob&message=meet me at the trench')
    game.crash()
    public = game.say('/health') + game.say('/news') + game.say('/chart')
    assert 'trench' not in public and 'ada called sendchat' in public


def test_letters_come_oldest_first(game, ada, bob):
    for number in range(5):
        ada(f'/sendchat?name=bob&message={number}')
    assert [bob('/popchat') for _ in range(6)] == [f'ada,{number}' for number in range(5)] + ['']


def test_a_letter_to_nobody(ada, bob):
    refused = ada('/sendchat?name=bobb&message=hi')
    assert (refused.status, refused.lines[0]) == (404, 'nobody here is called bobb; did you mean bob?')
    assert 'name=bob&' in refused.lines[1]


@pytest.mark.parametrize('letters, status', [(200, 200), (201, 400)])
def test_a_letter_has_200_characters(ada, bob, letters, status):
    reply = ada(f'/sendchat?name=bob&message={"ü" * letters}')
    assert reply.status == status
    if status == 400:
        assert reply.lines[0].endswith('it is a text of 1 to 200 characters')


def test_ten_letters_a_minute(game, ada, bob):
    assert [ada(f'/sendchat?name=bob&message={number}').status for number in range(11)] == [200] * 10 + [429]
    early = ada('/sendchat?name=bob&message=more&format=json').json()
    assert early['error'] == 'too early by 6 s: 10 messages a minute are enough; wait, then call again'
    game.wait(6)
    assert ada('/sendchat?name=bob&message=11').status == 200
    assert ada('/sendchat?name=bob&message=12').status == 429


def test_a_box_holds_twenty_letters(game, ada, bob):
    eve = game.join('eve')
    for _ in range(20):
        assert ada('/sendchat?name=bob&message=hi').status == 200
        game.wait(6)
    full = ada('/sendchat?name=bob&message=hi')
    assert full.status == 409
    assert full.lines[0] == 'the letter box of bob is full: 20 letters wait to be read'
    assert ada('/sendchat?name=all&message=hello') == 'sent to 2 players'         # a message to all needs no box
    assert eve('/popchat') == 'ada,hello'
    bob('/popchat')
    game.wait(6)
    assert ada('/sendchat?name=bob&message=hi').status == 200


# --- score, ranks, news ----------------------------------------------------------------------------------------------

def test_a_sector_counts_for_whoever_enters_it_first(game, ada, bob):
    x, y, _ = ada.place()
    game.happen(sectors={f'{column},{int(y) // 10}': None for column in range(mocean.COLUMNS)})
    ada.put(x=5)
    bob.put(x=5, y=y)
    assert ada.score() == 0
    row(ada, 'east', 40)                                     # from column 0 to column 4
    assert ada.score() == 5
    row(bob, 'east', 40)
    assert bob.score() == 0
    assert game.ocean.sectors[f'3,{int(y) // 10}'].name == 'ada'


def test_sails_enter_sectors_too(game, ada):
    game.happen(sectors={key: None for key in game.ocean.sectors})
    ada.put(x=5, y=5, speed=10, at=game.now)
    game.wait(10)
    ada('/location')
    assert ada.score() == 11


def test_a_sector_counts_once_where_sails_end_and_oars_begin(game, ada):
    game.happen(sectors={key: None for key in game.ocean.sectors})
    ada.put(x=5, y=5, course=0, speed=10, at=game.now)
    game.wait(1)
    ada('/move?heading=north')
    assert ada.score() == 2


@pytest.mark.parametrize('charted, heard', [(24, []), (99, [100]), (100, []), (249, [250]), (499, [500]), (999, [1000]),
                                            (1099, [])])
def test_a_hundred_sectors_are_news_and_not_each_one_more(game, ada, charted, heard):
    game.happen(sectors={key: None for key in game.ocean.sectors})
    ada.put(x=5, y=5, charted=charted, score=0)
    ada('/move?heading=east')
    heard = [f'ada has charted {number} sectors' for number in heard]
    assert [text for text in game.news() if 'charted' in text] == heard


def test_the_last_sector_is_news(game, ada):
    game.happen(sectors={'0,0': None, '1,0': None})
    ada.put(x=30, y=5)
    row(ada, 'west', 15)
    assert 'the whole ocean is charted' not in game.news()
    row(ada, 'west', 10)
    assert game.news()[-1] == 'the whole ocean is charted'


def test_the_first_sounding_in_a_sector_counts(game, ada, bob):
    game.happen(depths={key: None for key in game.ocean.depths})
    ada('/ping')
    ada('/ping')
    bob.put(x=ada.boat.x, y=ada.boat.y)
    bob('/ping')
    assert (ada.score(), bob.score()) == (1, 0)


def test_the_chart_tells_the_mean_of_all_soundings_in_a_sector_and_the_first_and_the_last(game, ada):
    x, y, z = game.hill('ROV')
    key = f'{x // 10},{y // 10}'
    game.happen(depths={key: None}, sectors={key: None})
    depths, times = [], []
    for there_x, there_y in ((x, y), (x // 10 * 10, y // 10 * 10), (x // 10 * 10 + 9, y // 10 * 10)):
        game.wait(10)
        times.append(math.ceil(NOON + game.seconds))
        ada.put(x=there_x, y=there_y)
        depths.append(float(ada('/ping')))
    assert len(set(depths)) == 3
    row = next(row for row in game.say('/chart').json()['depths'] if row[:2] == [x // 10, y // 10])
    assert row == [x // 10, y // 10, round(sum(depths) / 3, 1), times[0], times[-1]]


def test_the_chart_since_a_time_leaves_out_what_is_older(game, ada):
    game.happen(sectors={'5,6': None}, depths={'5,6': None})
    game.wait(1)
    ada.put(x=54, y=65)
    ada('/move?heading=east')
    ada('/ping')
    true_time, some = NOON + game.seconds, True
    for _ in range(2):
        chart = game.say(f'/chart?since={true_time}').json()
        assert [row[:2] for row in chart['depths']] == [[5, 6]] * some
        assert ([5, 6, 'ada', math.ceil(true_time)] in chart['sectors']) == some
        game.wait(1.1)                                      # a second is told twice, rather than never
        true_time, some = NOON + game.seconds, False
        game.wait(0.1)


def test_ranks(game, ada, bob):
    eve, zoe = game.join('eve'), game.join('zoe')
    for player, score in ((ada, 7), (bob, 9), (eve, 7), (zoe, 0)):
        player.put(score=score)
    assert game.say('/score').lines == ['1,bob,9', '2,ada,7', '2,eve,7', '4,zoe,0']
    assert game.say('/score?name=ZOE') == '4,zoe,0'
    assert game.say('/who').lines == ['bob,9', 'ada,7', 'eve,7', 'zoe,0']
    refused = game.say('/score?name=nobody')
    assert (refused.status, refused.lines[0]) == (404, 'nobody here is called nobody; these are all')


def test_news_since(game, ada):
    for number in range(3):
        game.join(f'sailor{number}')
    lines = game.say('/news').lines
    assert [line.split(',')[0] for line in lines] == ['1', '2', '3', '4']
    assert game.say('/news?since=3').lines == lines[3:]
    assert lines[0] == '1,2027-01-15T08:00:00Z,ada joined'


def test_two_news_of_one_call_are_two_news(game, ada):
    ada.put(quest=11, badges=mocean.QUEST_NAMES[:-1], finds=['east-west'])
    ada.put(x=50, y=390, from_y=391, seams_y=1)
    ada('/move?heading=north')
    assert [line.split(',')[0] for line in game.say('/news').lines] == ['1', '2', '3']
    assert game.news()[1:] == ['ada went all the way round, north-south', 'ada met quest 12: Magellan']


def test_old_news_make_room(game, ada, monkeypatch):
    monkeypatch.setattr(mocean, 'NEWS_KEPT', 5)
    for number in range(9):
        game.join(f'sailor{number}')
    assert [line.split(',')[0] for line in game.say('/news').lines] == ['6', '7', '8', '9', '10']
    game.crash()
    game.join('last')
    assert [line.split(',')[0] for line in game.say('/news').lines] == ['7', '8', '9', '10', '11']


def test_two_news_of_one_call_make_room_for_two(game, ada, monkeypatch):
    monkeypatch.setattr(mocean, 'NEWS_KEPT', 5)
    monkeypatch.setattr(mocean, 'NEWS_OF_ONE_KEPT', 4)
    for key, kept in (('', 5), ('ada', 4)):
        for _ in range(6):
            turn = mocean.Turn(game.ocean, game.now, game.now, key=key, calls=game.sea.calls)
            turn.news('one')
            turn.news('another')
            mocean.merge(game.ocean, turn.change)
        assert sum(row.key == key for row in game.ocean.news.values()) == kept
    assert len(game.ocean.news) == 5


# --- all the way round -----------------------------------------------------------------------------------------------

ROUND = [('east', WIDTH, 'east-west'), ('west', WIDTH, 'east-west'),
         ('north', HEIGHT, 'north-south'), ('south', HEIGHT, 'north-south')]


@pytest.mark.parametrize('heading, cells, way', ROUND)
def test_all_the_way_round(game, ada, heading, cells, way):
    start = ada.place()
    row(ada, heading, cells - 1)
    assert ada.score() == 0
    row(ada, heading, 1)
    assert ada.place() == start
    assert ada.score() == 50
    assert game.news()[-1] == f'ada went all the way round, {way}'
    row(ada, heading, cells)
    assert ada.score() == 50                                # once is enough


@pytest.mark.parametrize('heading, back', [('east', 'west'), ('west', 'east'), ('north', 'south'), ('south', 'north')])
def test_a_step_over_the_seam_and_back_is_no_voyage(game, ada, heading, back):
    ada.put(x=0 if heading in ('west', 'east') else 50, y=0)
    for _ in range(20):
        row(ada, back, 40)
        row(ada, heading, 40)
    assert ada.score() == 0


def test_half_way_and_back_is_no_voyage(game, ada):
    row(ada, 'east', 350)
    row(ada, 'west', 350)
    row(ada, 'west', 350)
    assert ada.score() == 0


def test_a_leap_is_no_voyage(game, ada):
    ada.put(items=('teleport crystal',))
    row(ada, 'east', 400)
    ada('/teleport?x=0&y=0')
    row(ada, 'east', 400)
    assert ada.score() == 0
    row(ada, 'east', 200)
    assert ada.score() == 50


def test_sails_go_round(game, ada):
    ada.put(speed=10, course=8, at=game.now)
    for seconds in (30, 29.9):                               # who says nothing for a minute drops the sails
        game.wait(seconds)
        ada('/location')
    assert ada.score() == 0
    game.wait(0.2)
    ada('/location')
    assert ada.score() == 50


def test_a_voyage_north_may_drift_east(game, ada):
    row(ada, 'northeast', HEIGHT)
    assert ada.score() == 50
    row(ada, 'northeast', WIDTH - HEIGHT)
    assert ada.score() == 100


# --- the first minute, and leaving -----------------------------------------------------------------------------------

def test_a_boat_is_found_again_where_it_has_sailed_to_and_its_id_may_be_shouted(game, ada):
    ada('/accel?ctrl=w')
    x, y, _ = ada.place()
    game.wait(3)
    assert game.say(f'/join?name=ADA&id={ada.id.upper()}') == f'{ada.id},ada,{x:g},{(y + 6) % HEIGHT:g},0'


def test_a_full_ocean_takes_no_more_boats(game, ada, bob, monkeypatch):
    monkeypatch.setattr(mocean, 'MOST_BOATS', 2)
    full = game.say('/join?name=eve')
    assert (full.status, full.lines) == (503, ['the ocean is full: 2 boats', 'try: http://localhost:80/who'])
    assert game.say('/who').lines == ['ada,0', 'bob,0']
    assert game.say(f'/join?name=ada&id={ada.id}').status == 200          # one's own boat is there
    bob('/quit?sure=yes')
    assert game.say('/join?name=eve').status == 200


def test_quit_leaves_the_whale_where_it_is(game, ada, bob, whale):
    bloom(game, ada)
    ada('/get?item=whale')
    ada.put(speed=2, at=game.now)
    game.wait(4)
    here = ada.place()
    game.wait(1)
    ada('/quit?sure=yes')
    answered = game.now - 0.1                               # and then held back for a cell's time
    x, y = mocean.whale_place(game.ocean, game.ocean.whales['Quincy'], answered)
    assert (x, y) == pytest.approx((here[0], here[1] + 2))


# --- a restart changes nothing ---------------------------------------------------------------------------------------

def test_the_ocean_survives(game, ada, again):
    seamounts, whales = game.ocean.floor.seamounts, game.ocean.whales
    again()
    assert (game.ocean.floor.seamounts, game.ocean.whales) == (seamounts, whales)


def test_who_owns_what_survives(game, ada, bob, again):
    for treasure in ('ROV', 'iron dust', 'binoculars'):
        fetch(ada, treasure)
    before = game.say('/score'), ada('/inventory'), game.say('/news'), ada.boat
    again()
    assert (game.say('/score'), ada('/inventory'), game.say('/news'), ada.boat) == before
    assert fetch(bob, 'ROV').status == 409
    assert ada.items('quest') == list(mocean.QUEST_NAMES)


def test_a_sandwich_lasts_as_long_as_before(game, ada, again):
    ada.put(items=('sandwich',))
    ada('/use?item=sandwich')
    game.wait(30)
    again()
    game.wait(29)
    assert ada('/move?heading=east&steps=20').status == 200
    game.wait(1)
    assert ada('/move?heading=east&steps=11').status == 400


def test_a_ride_and_a_bloom_last_as_long_as_before(game, ada, bob, whale, again):
    bloom(game, ada)
    ada('/get?item=whale')
    game.wait(300)
    again()
    assert ada.items('whale') == ['Quincy']
    assert len(game.say('/chart').json()['blooms']) == 1
    bob.put(x=ada.boat.x, y=ada.boat.y)
    assert bob('/get?item=whale').lines[0].startswith('no free whale')
    game.wait(300)
    assert ada.items('whale') == [] and game.say('/chart').json()['blooms'] == []


@pytest.mark.parametrize('item, seconds', [('fishing net', 60), ('infundibulum', 60)])
def test_once_a_minute_is_once_a_minute(game, ada, again, item, seconds):
    ada.put(items=(item,))
    ada(f'/use?item={item}')
    ada.put(x=(ada.boat.x + 20) % WIDTH)                     # to other waters
    game.wait(seconds - 1)
    again()
    assert ada(f'/use?item={item}').status == 429
    game.wait(1)
    assert ada(f'/use?item={item}').status == 200


def test_unread_letters_survive(game, ada, bob, again):
    for number in range(10):
        ada(f'/sendchat?name=bob&message={number}')
    assert bob('/popchat') == 'ada,0'
    again()
    assert ada('/sendchat?name=bob&message=eleven').status == 429
    assert [bob('/popchat') for _ in range(10)] == [f'ada,{number}' for number in range(1, 10)] + ['']


def test_sectors_and_soundings_survive(game, ada, bob, again):
    game.happen(sectors={key: None for key in game.ocean.sectors}, depths={key: None for key in game.ocean.depths})
    row(ada, 'east', 40)
    ada('/ping')
    before, where = ada.score(), ada.place()
    charted = set(game.ocean.sectors)
    assert before >= 5
    again()
    assert (ada.score(), ada.place(), set(game.ocean.sectors)) == (before, where, charted)
    bob.put(x=where[0], y=where[1])
    bob('/ping')
    row(bob, 'west', 40)
    assert bob.score() == 0


def test_a_voyage_goes_on(game, ada, again):
    row(ada, 'east', 400)
    again()
    row(ada, 'east', 200)
    assert ada.score() == 50


def test_sea_time_stands_still_while_the_server_is_away(game, ada, again):
    ada('/accel?ctrl=w')
    x, y, _ = ada.place()
    game.wait(5)
    game.sea.close()
    game.wait(3600)
    game.open(game.folder)
    assert ada.place() == pytest.approx((x, (y + 10) % HEIGHT, 0))
    game.wait(20)
    again()
    assert ada.place() == pytest.approx((x, (y + 50) % HEIGHT, 0))


def test_a_spent_speed_stays_spent(game, ada, again):
    ada('/move?heading=east&steps=10')
    again()
    assert ada('/move?heading=east&steps=10').status == 429


def test_what_draws_qr_codes_comes_with_the_game(game):
    script = game.say('/qrcode.js')
    assert (script.status, script.headers['Content-Type']) == (200, 'text/javascript; charset=utf-8')
    assert script == (ROOT / 'clients' / 'qrcode.js').read_text(encoding='utf-8')


# --- whatever they do ------------------------------------------------------------------------------------------------

ROWING = ['/move?heading={heading}&steps={steps}']
OFTEN = ['/dive?ctrl=f', '/dive?ctrl=r', '/ping', '/get?item=treasure', '/get?item=whale', '/location', '/popchat']
RARELY = ['/accel?ctrl=w', '/accel?ctrl=a', '/accel?ctrl=s', '/stop', '/look', '/sendchat?name=all&message=hi',
          '/use?item={item}', '/use?item=iron dust', '/use?item=ROV', '/teleport?x={steps}&y=7']
CALLS = ROWING * 6 + OFTEN * 2 + RARELY


def check(game):
    """What is true in every ocean, at every moment."""
    ocean = game.ocean
    for key, boat in ocean.boats.items():
        assert 0 <= boat.x < WIDTH and 0 <= boat.y < HEIGHT
        assert 0 <= boat.z <= min(ocean.floor(boat.x, boat.y) + 0.2, mocean.deepest(boat) + (boat.z > 30) * 20)
        assert boat.charted == sum(first.name == boat.name for first in ocean.sectors.values())
        assert len(set(boat.items)) == len(boat.items) and len(set(boat.finds)) == len(boat.finds)
        if boat.riding and game.now < boat.ride_until:
            assert ocean.whales[boat.riding].rider == key and not boat.z
    owned = [item for boat in ocean.boats.values() for item in boat.items if item not in EVERGREEN]
    assert len(set(owned)) == len(owned) and set(owned) <= set(ocean.finds)


@pytest.mark.parametrize('seed', range(6))
def test_whatever_they_do_the_ocean_stays_whole(game, seed):
    dice = random.Random(seed)
    players, scores = [game.join(name) for name in ('ada', 'bob', 'eve')], {}
    for player in players:
        x, y, z = game.hill(dice.choice(list(mocean.TREASURES)))
        player.put(x=x, y=y, items=tuple(dice.sample(('iron dust', 'crash alert'), 1)))
        game.happen(whales={dice.choice(mocean.WHALE_NAMES): {'x': x, 'y': y, 'at': game.now}})
    for _ in range(200):
        game.wait(dice.choice([0.01, 0.1, 1, 1, 10, 300]))
        call = dice.choice(CALLS).format(heading=dice.choice(list(mocean.HEADINGS)), steps=dice.choice([1, 5, 7, 10]),
                                         item=dice.choice(list(mocean.TREASURES)))
        assert dice.choice(players)(call).status in (200, 400, 404, 409, 429), call
        check(game)
        for player in players:
            assert player.boat.score >= scores.get(player.name, 0), call
            scores[player.name] = player.boat.score
    assert sum(scores.values()) > 50
    before = game.document()
    game.crash()
    assert game.document() == before
