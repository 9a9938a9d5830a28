"""The twelve quests, each met by playing: what a program can newly do, one thing at a time."""
import json
import random

import pytest
from game import fetch, row, sail_course

import mocean

NAMES = mocean.QUEST_NAMES


@pytest.fixture
def zoe(game, ada):
    """A newcomer in an ocean where everything is charted: what she earns, she earns by quests."""
    zoe = game.join('zoe')
    x, y = game.plain()
    zoe.put(x=x, y=y, score=0, home=ada.boat.home, home_pings=ada.boat.home_pings)
    return zoe


def met(player):
    """The quests that she has met, in their order, whether their turn has come or not."""
    return [name for name in NAMES if name in player.boat.badges]


# --- one after the other ---------------------------------------------------------------------------------------------

def test_there_are_twelve_and_each_names_a_call_that_begins_it():
    assert len(NAMES) == len(set(NAMES)) == 12
    for quest in mocean.QUESTS:
        route, texts = quest.call
        assert set(texts) <= set(mocean.BY_NAME[route].known)
        assert quest.task[0].islower() and len(quest.task) < 130


def test_the_call_of_a_quest_goes_under_water_too(game, zoe):
    for number in range(len(mocean.QUESTS)):
        zoe.put(quest=number, z=10)
        game.wait(2)
        reply = game.say(zoe.json('/quest')['try'].partition(':80')[2])
        assert reply.status in (200, 409) or mocean.QUESTS[number].name == 'Phoenix', reply


def test_a_quest_that_is_met_pays_ten_points_is_news_and_is_told(game, zoe):
    reply = zoe.json('/move?heading=north')
    assert reply['quest'] == 'met: First stroke'
    assert (zoe.boat.quest, zoe.score()) == (1, 10)
    assert game.news()[-1] == 'zoe met quest 1: First stroke'
    assert 'quest' not in zoe.json('/move?heading=north')
    assert zoe.score() == 10


def test_what_is_met_early_counts_when_its_turn_comes(game, zoe):
    zoe('/look')
    assert zoe('/move?heading=nroth').status == 400
    assert (met(zoe), zoe.boat.quest, zoe.score()) == (['Lookout'], 0, 0)
    zoe('/move?heading=north')
    assert (met(zoe), zoe.boat.quest, zoe.score()) == (['First stroke', 'Lookout', 'Phoenix'], 2, 20)
    assert game.news()[-2:] == ['zoe met quest 1: First stroke', 'zoe met quest 2: Lookout']
    for _ in range(9):
        zoe('/move?heading=north')
    assert (zoe.boat.quest, zoe.score()) == (4, 40)          # Looper, and then Phoenix was met already
    assert zoe.items('quest') == list(NAMES[:4])


def test_quests_survive(game, zoe, again):
    zoe('/look')
    zoe('/move?heading=north')
    again()
    assert (met(zoe), zoe.boat.quest, zoe.score()) == (['First stroke', 'Lookout'], 2, 20)
    assert zoe('/quest').startswith('3,Looper,')


# --- each of them ----------------------------------------------------------------------------------------------------

def test_first_stroke(zoe):
    zoe('/accel?ctrl=w')
    assert met(zoe) == []
    zoe('/move?heading=north')
    assert met(zoe) == ['First stroke']


def test_lookout(zoe):
    zoe('/location')
    assert met(zoe) == []
    zoe('/look')
    assert met(zoe) == ['Lookout']


@pytest.mark.parametrize('pause', [0, 0.3, 2])
def test_looper_is_ten_moves_evenly_spaced(game, zoe, pause):
    """A loop without a pause is even, too, whatever was saved up."""
    game.wait(5)
    for _ in range(9):
        zoe('/move?heading=north')
        game.wait(pause)
    assert 'Looper' not in met(zoe)
    zoe('/move?heading=north')
    assert 'Looper' in met(zoe)


def test_fingers_are_no_looper(game, zoe):
    for pause in (1, 3, 1, 2, 4, 1, 2, 1, 5, 2, 1, 3, 2):
        zoe('/move?heading=north')
        game.wait(pause)
    assert 'Looper' not in met(zoe)


def test_phoenix_is_an_error_and_then_the_corrected_call(game, zoe):
    works = zoe('/move?heading=nroth').lines[1]
    assert game.say(works.partition(':80')[2]).status == 200
    assert 'Phoenix' in met(zoe)


def test_too_early_is_no_error_to_rise_from_and_hides_none(game, zoe):
    zoe('/move?heading=east&steps=10')
    assert zoe('/move?heading=east&steps=10').status == 429
    game.wait(1)
    zoe('/move?heading=east&steps=10')
    assert 'Phoenix' not in met(zoe)
    assert zoe('/move?heading=eats&steps=10').status == 400
    assert zoe('/move?heading=east&steps=10').status == 429
    game.wait(1)
    zoe('/move?heading=east&steps=10')
    assert 'Phoenix' in met(zoe)


def test_no_phoenix_from_another_call(zoe):
    zoe('/move?heading=nroth')
    zoe('/look')
    zoe('/move?heading=north')
    assert 'Phoenix' not in met(zoe)


@pytest.mark.parametrize('x, y, heading', [(599, 5, 'east'), (0, 5, 'west'), (5, 399, 'north'), (5, 0, 'south'),
                                           (599, 399, 'northeast')])
def test_over_the_seam_by_oars(zoe, x, y, heading):
    zoe.put(x=x, y=y)
    zoe('/move?heading=' + {'east': 'north', 'west': 'north'}.get(heading, 'west'))
    assert 'Over the seam' not in met(zoe)
    zoe('/move?heading=' + heading)
    assert 'Over the seam' in met(zoe)


def test_over_the_seam_by_sails(game, zoe):
    zoe.put(y=395, speed=2, at=game.now)
    game.wait(4)
    zoe('/location')
    assert 'Over the seam' in met(zoe)


def test_reader_gets_what_look_had_shown(game, zoe):
    x, y, z = game.hill('ROV')
    zoe.put(x=x, y=y + 3)
    zoe('/look')
    while zoe.boat.z < z - 5:
        zoe('/dive?direction=down')
    assert zoe('/get?item=treasure') == 'ROV,40'
    assert 'Reader' in met(zoe)


def test_a_treasure_that_was_seen_may_be_fetched_later(game, zoe):
    x, y, z = game.hill('ROV')
    zoe.put(x=x, y=y + 3)
    zoe('/look')
    zoe.put(x=(x + 50) % 600)
    assert 'ROV' not in zoe('/look')
    fetch(zoe, 'ROV')
    assert 'Reader' in met(zoe)


def test_a_whale_can_be_read_too(game, zoe):
    zoe.put(items=['iron dust'])
    game.happen(whales={'Quincy': {'x': zoe.boat.x + 3, 'y': zoe.boat.y, 'at': game.now}})
    zoe('/use?item=iron dust')
    zoe('/look')
    zoe('/get?item=whale')
    assert 'Reader' in met(zoe)


def test_who_does_not_look_or_looks_at_boats_is_no_reader(game, ada, zoe):
    fetch(zoe, 'ROV')
    zoe('/look')
    ada.put(x=zoe.boat.x, y=zoe.boat.y)
    eve = game.join('r')                                     # a player whose name is part of many words
    eve.put(x=zoe.boat.x, y=zoe.boat.y)
    zoe('/look')
    fetch(zoe, 'crash alert')
    assert 'Reader' not in met(zoe)


@pytest.mark.parametrize('heading', ['east', 'south'])
def test_cartographer_is_twenty_soundings_in_one_straight_row(zoe, heading):
    for number in range(20):
        assert 'Cartographer' not in met(zoe), number
        zoe('/ping')
        zoe(f'/move?heading={heading}')
    assert 'Cartographer' in met(zoe)


def test_twenty_soundings_at_one_place_or_to_and_fro_are_no_row(zoe):
    for _ in range(25):
        zoe('/ping')
    for number in range(30):
        zoe('/ping')
        zoe(f'/move?heading={["east", "north"][number % 2]}')
    assert 'Cartographer' not in met(zoe)


def test_patient_is_fifty_calls_in_a_row_and_none_too_early(game, zoe):
    """That a loop is made to wait is no impatience."""
    for _ in range(46):
        zoe('/move?heading=east')
    assert zoe('/move?heading=east&steps=10').status == 429
    for _ in range(49):
        zoe('/move?heading=east')
    assert 'Patient' not in met(zoe)
    zoe('/location')
    assert 'Patient' in met(zoe)


def foresee(player, heading, right=True):
    """A move whose end is told beforehand, or told wrong."""
    dx, dy = mocean.HEADINGS[heading]
    x, y = (player.boat.x + dx) % 600, (player.boat.y + dy + (not right)) % 400
    return player.json(f'/move?heading={heading}&expect={x},{y}')


def test_navigator_is_right_twenty_times_in_a_row_three_of_them_over_a_seam(zoe):
    zoe.put(x=599)
    for number in range(20):
        assert 'Navigator' not in met(zoe), number
        heading = 'north' if number < 17 else ['west', 'east'][number % 2]
        assert foresee(zoe, heading)['expected'] is True
    assert 'Navigator' in met(zoe)


def test_who_is_wrong_once_begins_the_row_anew(zoe):
    zoe.put(x=599)
    for number in range(19):
        foresee(zoe, ['east', 'west'][number % 2])
    assert foresee(zoe, 'north', right=False)['expected'] is False
    foresee(zoe, 'north')
    assert 'Navigator' not in met(zoe)


def test_twenty_times_right_without_a_seam_is_no_navigator(zoe):
    for _ in range(25):
        foresee(zoe, 'north')
    assert 'Navigator' not in met(zoe)


def test_racer_finishes_a_course(zoe):
    marks = mocean.course_of(zoe.game.ocean, 0).marks
    reply = sail_course(zoe, nearest_across_no_seam(marks))
    assert 'points' in reply['race'] and 'Racer' in met(zoe)


def nearest_across_no_seam(marks):
    """A student's first plan: on to the nearest mark, as if the ocean had an edge."""
    order, left = [0], set(range(1, 12))
    while left:
        x, y = marks[order[-1]]
        order.append(min(left, key=lambda mark: (marks[mark][0] - x) ** 2 + (marks[mark][1] - y) ** 2))
        left.remove(order[-1])
    return order


def test_champion_betters_a_course_by_a_fifth(game, zoe):
    marks, dice = mocean.course_of(game.ocean, 0).marks, random.Random(1)
    ways = [[mocean.rowing_cells(*here, *there) for there in marks] for here in marks]
    better = nearest_across_no_seam(marks)
    cells = mocean.tour_cells(better, ways)
    orders = [[0, *dice.sample(range(1, 12), 11)] for _ in range(100)]
    slow = next(order for order in orders if 1.3 < mocean.tour_cells(order, ways) / cells < 1.8)
    sail_course(zoe, slow)
    assert 'Racer' in met(zoe) and 'Champion' not in met(zoe)
    assert game.now < 600                                    # the same course once more
    sail_course(zoe, better)
    assert 'Champion' in met(zoe)
    assert len(game.say('/regatta?course=0').lines) == 1


def test_champion_at_once_is_who_sails_nearly_as_well_as_it_can_be_done(zoe):
    sail_course(zoe, expect=True)
    assert 'Champion' in met(zoe)


@pytest.mark.parametrize('first, second', [('north', 'east'), ('east', 'south')])
def test_magellan_goes_round_both_ways(zoe, first, second):
    row(zoe, first, 400 if first == 'north' else 600, at_once=10)
    assert 'Magellan' not in met(zoe)
    row(zoe, second, 400 if second == 'south' else 600, at_once=10)
    assert 'Magellan' in met(zoe)


def test_a_whole_career(game, zoe):
    """From the first move through all twelve, as /quest says; each quest is the next one when it is met."""
    titles = []

    def play(number):
        reply = zoe.json('/quest')
        assert (reply['number'], zoe.boat.quest) == (number, number - 1)
        titles.append(reply['title'])
        return reply
    play(1)
    zoe('/move?heading=north')
    play(2)
    zoe('/look')
    play(3)
    for _ in range(10):
        game.wait(0.5)
        zoe('/move?heading=north')
    play(4)
    zoe('/move?heading=nroth')
    zoe('/move?heading=north')
    play(5)
    zoe.put(x=0)
    zoe('/move?heading=west')
    play(6)
    x, y, z = game.hill('ROV')
    zoe.put(x=x, y=y, z=z)
    zoe('/look')
    zoe('/get?item=treasure')
    play(7)
    zoe.put(z=0)
    for _ in range(20):
        zoe('/ping')
        zoe('/move?heading=east')
    play(9)                                                  # fifty calls, and none too early: met on the way
    zoe.put(x=599)
    for number in range(20):
        foresee(zoe, ['east', 'west'][number % 2])
    play(10)
    sail_course(zoe, nearest_across_no_seam(mocean.course_of(game.ocean, int(game.now // 600)).marks))
    sail_course(zoe, expect=True)
    assert zoe.boat.quest >= 11                              # courses, too, may lead all the way round
    row(zoe, 'north', 400, at_once=10)
    row(zoe, 'east', 600, at_once=10)
    done = zoe.json('/quest')
    assert (done['title'], done['number']) == ('Done', 12) and titles[0] == 'First stroke'
    assert zoe.boat.quest == 12 and zoe.items('quest') == list(NAMES)


# --- where the next one is told --------------------------------------------------------------------------------------

def test_quest_is_told_as_text_and_as_json(game, zoe):
    task = mocean.QUESTS[0].task
    assert zoe('/quest').lines == [f'1,First stroke,{task}', f'try: http://localhost:80/move?id={zoe.id}&heading=north']
    assert zoe.json('/quest') == {'number': 1, 'title': 'First stroke', 'task': task,
                                  'try': f'http://localhost:80/move?id={zoe.id}&heading=north'}


@pytest.mark.parametrize('number', range(13))
def test_the_try_of_every_quest_can_be_sent(game, zoe, number):
    zoe.put(quest=number, badges=NAMES[:number])
    reply = game.say(zoe.json('/quest')['try'].partition(':80')[2])
    wrong = {3: 400, 10: 409}.get(number, 200)               # a mistake to mend; away from the start
    assert reply.status == wrong


@pytest.mark.parametrize('level', [1, 2, 3])
@pytest.mark.parametrize('number', [0, 6, 11])
def test_the_starter_program_names_the_same_next_quest(game, zoe, level, number):
    zoe.put(quest=number, badges=NAMES[:number])
    program = game.say(f'/client.py?id={zoe.id}&level={level}')
    assert f'TASK = {mocean.QUESTS[number].task!r}\n' in program
    assert f'ID = {zoe.id!r}\n' in program


def test_the_chart_tells_whose_quests_are_met(game, zoe):
    zoe('/move?heading=north')
    boat = next(boat for boat in game.say('/chart').json()['boats'] if boat['name'] == 'zoe')
    assert boat['quests'] == 1


# --- badges of before ------------------------------------------------------------------------------------------------

def test_badges_of_an_older_state_file_are_quests_met(game, zoe):
    """Looper, Phoenix, Patient, Reader, Magellan, Cartographer had the same names then."""
    zoe('/move?heading=north')
    mocean.save(game.sea)
    game.sea.close()
    state = game.folder / 'mocean.json'
    document = json.loads(state.read_text())
    boat = document['boats']['zoe']
    for field in ('quest', 'home', 'home_pings', 'laurels', 'heard', 'net_points', 'acted', 'joined', 'left'):
        del boat[field]
    boat['badges'] = ['Looper', 'Phoenix', 'Reader']
    state.write_text(json.dumps(document))
    game.open(game.folder)
    zoe('/move?heading=north')
    zoe('/look')
    assert zoe.boat.quest == 4                               # First stroke, Lookout, and the two that waited
    assert zoe('/quest').startswith('5,Over the seam,')
    zoe.put(x=0)
    zoe('/move?heading=west')
    assert zoe.boat.quest == 6                               # Reader was met before
