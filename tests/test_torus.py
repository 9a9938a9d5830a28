"""Rowing over the seams and within the budget, through the same door as every player."""
import concurrent.futures
import time

import pytest
from conftest import Inside, join

import mocean

WIDTH, HEIGHT = mocean.WIDTH_CELLS, mocean.HEIGHT_CELLS
EAST_END, NORTH_END = WIDTH - 1, HEIGHT - 1
CORNERS = [(0, 0), (EAST_END, 0), (0, NORTH_END), (EAST_END, NORTH_END),
           (0, 200), (EAST_END, 200), (300, 0), (300, NORTH_END)]


def put(say, x, y):
    """A boat of rested rowers at this place."""
    sea = say.app.sea
    rested = {'x': x, 'y': y, 'paid': sea.clock() - 1, 'wrapped': False}
    mocean.merge(sea.ocean, mocean.change_of(sea.ocean, {'boats': {'ada': rested}}))


@pytest.fixture
def inside(tmp_path):
    inside = Inside('mocean', tmp_path)
    yield inside
    inside.close()


@pytest.mark.parametrize('heading', mocean.HEADINGS)
@pytest.mark.parametrize('steps', [1, 2, 7])
def test_the_ocean_has_no_edge_in_any_direction(inside, heading, steps):
    id = join(inside)
    dx, dy = mocean.HEADINGS[heading]
    for x, y in CORNERS:
        put(inside, x, y)
        there = inside(f'/move?id={id}&heading={heading}&steps={steps}')
        assert there == f'{(x + dx * steps) % WIDTH},{(y + dy * steps) % HEIGHT},0'
        over = not (0 <= x + dx * steps < WIDTH and 0 <= y + dy * steps < HEIGHT)
        assert inside(f'/location?id={id}').startswith(f'{there},{over:d},')


@pytest.mark.parametrize('heading', mocean.HEADINGS)
def test_seven_steps_in_one_call_are_seven_calls_of_one(inside, heading):
    id = join(inside)
    for x, y in CORNERS:
        put(inside, x, y)
        inside(f'/move?id={id}&heading={heading}&steps=7')
        at_once, sectors = inside(f'/location?id={id}'), set(inside.app.sea.ocean.sectors)
        put(inside, x, y)
        for _ in range(7):
            inside(f'/move?id={id}&heading={heading}')
        assert inside(f'/location?id={id}')[:-6] == at_once[:-6]
        assert set(inside.app.sea.ocean.sectors) == sectors


# --- the budget ----------------------------------------------------------------------------------------------------

def loop(say, id, moves):
    """A student's first loop."""
    return [say(f'/move?id={id}&heading=east') for _ in range(moves)]


def test_a_plain_loop_of_forty_moves_ends_forty_cells_away(server):
    id, _, x, y, z = server.say('/join?name=ada').split(',')
    replies = loop(server, id, 40)
    assert {reply.status for reply in replies} == {200}
    assert replies[-1] == f'{(int(x) + 40) % WIDTH},{y},{z}'


def test_thirty_loops_at_once_never_see_an_error(server):
    ids = [join(server, f'ada{number}') for number in range(30)]
    with concurrent.futures.ThreadPoolExecutor(30) as class_room:
        replies = [reply for replies in class_room.map(lambda id: loop(server, id, 30), ids) for reply in replies]
    assert len(replies) == 900
    assert {reply.status for reply in replies} == {200}


@pytest.mark.parametrize('steps', [4, 9, 10])
def test_whoever_waits_as_told_is_served(server, steps):
    id = join(server)
    early = 0
    while early < 3:
        reply = server.say(f'/move?id={id}&heading=n&steps={steps}&format=json')
        if reply.status == 429:
            early += 1
            assert int(reply.headers['Retry-After']) >= reply.json()['wait_s'] > 0
            time.sleep(reply.json()['wait_s'])
            reply = server.say(f'/move?id={id}&heading=n&steps={steps}&format=json')
        assert reply.status == 200, reply


def test_refused_calls_cost_nothing(server):
    id = join(server)
    assert server.say(f'/move?id={id}&heading=n&steps=10').status == 200
    first = server.say(f'/move?id={id}&heading=n&steps=10&format=json').json()['wait_s']
    for _ in range(20):
        last = server.say(f'/move?id={id}&heading=n&steps=10&format=json').json()['wait_s']
    assert last < first
