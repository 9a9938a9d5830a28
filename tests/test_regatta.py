"""The regatta as it is sailed: start, marks, finish, points, news, and what no trick gains. (The pure functions have
their own tests, in test_regatta_course.py.)"""
import itertools
import math
import random

import pytest
from game import begin_race, off, row, row_to, sail_course

import mocean

HEIGHT, WIDTH = mocean.HEIGHT_CELLS, mocean.WIDTH_CELLS


def short_course(game, number=0, x=590, y=390):
    """A course whose marks lie side by side, in two rows of six, over both seams: 240 cells round."""
    marks = tuple(off((x, y), *place) for place in [(20 * column, 0) for column in range(6)]
                  + [(20 * column, 20) for column in reversed(range(6))])
    game.ocean.courses[number] = mocean.Course(number, marks, 0.8 * 240 / 10)
    return marks


@pytest.fixture
def marks(game, ada):
    return short_course(game)


def race(player):
    return player.game.ocean.races[player.key]


def times(game, number=''):
    """The table: [[rank, name, seconds, points], ...]"""
    query = f'?course={number}' if number != '' else ''
    return [line.split(',') for line in game.say(f'/regatta{query}').lines if line]


def sail_round(player, marks):
    """From the start through all the marks: the last answer."""
    for mark in [*range(1, 12), 0]:
        reply = row_to(player, *marks[mark], at_once=10)
    return reply


# --- the course ------------------------------------------------------------------------------------------------------

def test_a_course_is_told_as_text_and_as_json(game, ada):
    rows = [line.split(',') for line in game.say('/course').lines]
    assert [int(mark) for mark, _, _ in rows] == list(range(12))
    for (_, x, y), (_, there_x, there_y) in itertools.combinations(rows, 2):
        assert mocean.distance(int(x), int(y), int(there_x), int(there_y)) >= 20
    facts = game.say('/course?format=json').json()
    assert (facts['course'], facts['ends_in_s']) == (0, 598)
    assert [[str(mark['mark']), str(mark['x']), str(mark['y'])] for mark in facts['marks']] == rows


def test_every_ten_minutes_there_is_a_new_course_and_the_old_ones_can_be_read(game, ada):
    first = game.say('/course')
    game.wait(597.9)
    assert game.say('/course') == first
    game.wait(0.1)
    second = game.say('/course?format=json').json()
    assert (second['course'], second['ends_in_s']) == (1, 600)
    assert game.say('/course') != first and game.say('/course?course=0') == first
    assert game.say('/course?course=0&format=json').json()['ends_in_s'] == 0


@pytest.mark.parametrize('route', ['course', 'regatta'])
def test_nobody_reads_the_next_course(game, ada, route):
    early = game.say(f'/{route}?course=1')
    assert (early.status, early.lines) == (404, ['course was 1; the newest one is 0',
                                                 f'try: http://localhost:80/{route}?course=0'])


def test_the_same_course_survives(game, ada, again):
    first = game.say('/course')
    again()
    assert game.say('/course') == first


def test_the_map_gets_the_marks_and_the_best_times(game, ada):
    sail_course(ada)
    course = game.say('/chart').json()['course']
    marks = mocean.course_of(game.ocean, 0).marks
    assert course['number'] == 0 and [tuple(mark) for mark in course['marks']] == list(marks)
    assert [row['name'] for row in course['times']] == ['ada'] and course['until'] == 600


# --- the start -------------------------------------------------------------------------------------------------------

def test_away_from_the_start_a_refusal_names_it_and_a_call_that_rows_there(game, ada, marks):
    x, y = marks[0]
    ada.put(x=x, y=(y - 50) % HEIGHT)
    refused = ada('/race')
    assert (refused.status, refused.lines) == (409, [
        f'course 0 starts at mark 0, at {x},{y}: 50 cells north of you; row there, then call race',
        f'try: http://localhost:80/move?id={ada.id}&heading=north&steps=10'])
    facts = ada.json('/race')
    assert (facts['x'], facts['y'], facts['distance'], facts['status']) == (x, y, 50, 409)


@pytest.mark.parametrize('away', [(4, 0), (0, -37), (-120, 90), (280, 190), (-299, 3)])
def test_whoever_follows_the_refusals_comes_to_the_start(game, ada, marks, away):
    x, y = off(marks[0], *away)
    ada.put(x=x, y=y)
    for _ in range(80):
        reply = ada('/race')
        if reply.status == 200:
            break
        game.wait(1)
        moved = game.say(reply.lines[1].partition(':80')[2])
        assert moved.status == 200, moved
    assert reply.startswith('0,0')


@pytest.mark.parametrize('away, status', [((3, 0), 200), ((0, -3), 200), ((2, 2), 200), ((3, 1), 409), ((0, 4), 409)])
def test_the_start_is_within_three_cells_of_mark_0(ada, marks, away, status):
    x, y = off(marks[0], *away)
    ada.put(x=x, y=y)
    assert ada('/race').status == status


def test_the_race_is_told(game, ada, marks):
    ada.put(x=marks[0][0], y=marks[0][1])
    assert ada.json('/race') == {'course': 0, 'seconds': 0, 'ends_in_s': 600, 'left': list(range(1, 12))}
    row(ada, 'east', 20, at_once=10)
    number, seconds, ends_in_s, left = ada('/race').split(',')
    assert (number, left) == ('0', '2 3 4 5 6 7 8 9 10 11')
    assert float(seconds) + float(ends_in_s) == 600 and 2 <= float(seconds) <= 3


def test_the_saved_second_is_gone_at_the_start(game, ada, marks):
    ada.put(x=marks[0][0], y=marks[0][1])
    game.wait(60)
    assert ada('/race').status == 200
    assert ada('/move?heading=east&steps=10').status == 429
    game.wait(1)
    assert ada('/move?heading=east&steps=10').status == 200
    assert race(ada).start == pytest.approx(62, abs=0.01)


def test_a_start_with_spent_time_is_as_late_as_that(game, ada, marks):
    """Who has borrowed from the future starts in the future."""
    ada.put(x=marks[0][0], y=marks[0][1], paid=game.now + 0.008)
    began = game.now
    assert ada.json('/race')['seconds'] == 0
    assert race(ada).start == ada.boat.paid == pytest.approx(began + 0.108)


def test_a_race_is_begun_anew_where_it_began(game, ada, marks):
    ada.put(x=marks[0][0], y=marks[0][1])
    ada('/race')
    first = race(ada).start
    game.wait(5)
    assert ada.json('/race')['seconds'] == 0                 # no mark is passed yet: a false start is nothing
    assert race(ada).start > first + 4
    row_to(ada, *marks[1])
    row_to(ada, *marks[0])
    assert ada.json('/race')['left'] == list(range(2, 12))   # asked on the way, it goes on
    assert ada.json('/race?anew=yes')['left'] == list(range(1, 12))


def test_no_race_on_a_whale_or_with_a_sandwich(game, ada, marks):
    for fields in ({'riding': 'Quincy', 'ride_until': game.now + 40}, {'fast_until': game.now + 40}):
        ada.put(x=marks[0][0], y=marks[0][1], riding='', fast_until=0)
        ada.put(**fields)
        refused = ada('/race')
        assert (refused.status, refused.lines[0]) == (
            409, 'a race is sailed without a whale and without a sandwich: they wear off in 40 s')
    assert 'ada' not in game.ocean.races


# --- marks -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('order', [range(1, 12), range(11, 0, -1), [7, 3, 11, 1, 9, 5, 2, 10, 4, 8, 6]])
def test_the_marks_may_be_passed_in_any_order_and_the_race_ends_by_itself(game, ada, marks, order):
    begin_race(ada)
    left = set(range(1, 12))
    for mark in order:
        row_to(ada, *marks[mark])
        left.discard(mark)
        assert not set(race(ada).left) & set(range(1, 12)) - left
    reply = row_to(ada, *marks[0])
    assert race(ada).seconds > 0 and not race(ada).left
    assert reply['race'].startswith(f'course 0 in {race(ada).seconds:.2f} s: ')
    assert game.news()[-1] == f'ada sailed course 0 in {race(ada).seconds:.2f} s, the best so far'


@pytest.mark.parametrize('at_once', [1, 3, 10])
def test_the_time_is_that_of_the_boat_however_many_steps_a_call_has(game, ada, marks, at_once):
    """240 cells less what the corners spare: 24 s by the boat's own budget."""
    begin_race(ada)
    for mark in [*range(1, 12), 0]:
        row_to(ada, *marks[mark], at_once=at_once)
    assert race(ada).seconds == pytest.approx((240 - 3) / 10, abs=0.11)


def test_marks_are_passed_between_two_calls(game, ada, marks):
    """Under sail, past five marks without a word, over the seam; and the turn at the end."""
    begin_race(ada)
    for _ in range(5):
        ada('/accel?ctrl=w')
    for _ in range(4):
        ada('/accel?ctrl=d')                                 # from north to east
    ada.put(x=marks[0][0], y=marks[0][1])
    game.wait(10)
    assert ada.json('/race')['left'] == list(range(6, 12))
    assert ada.boat.seams_x == 1


@pytest.mark.parametrize('off_course, passed', [(3, True), (2.9, True), (3.1, False)])
def test_sails_pass_a_mark_at_three_cells_even_if_no_call_falls_there(game, ada, marks, off_course, passed):
    begin_race(ada)
    x, y = marks[3]
    ada.put(x=(x - 10) % WIDTH, y=(y - off_course) % HEIGHT, course=0, speed=10, at=game.now)
    game.wait(2)
    assert (3 not in ada.json('/race')['left']) == passed


@pytest.mark.parametrize('heading', mocean.HEADINGS)
def test_oars_pass_a_mark_in_the_middle_of_a_call(game, ada, marks, heading):
    begin_race(ada)
    dx, dy = mocean.HEADINGS[heading]
    x, y = off(marks[8], -4 * dx, -4 * dy)
    ada.put(x=x, y=y)
    game.wait(2)
    ada(f'/move?heading={heading}&steps=7')
    assert 8 not in race(ada).left


@pytest.mark.parametrize('marks_at', [(595, 100), (100, 395), (595, 395), (300, 200)])
def test_a_whole_course_lies_over_the_seams(game, ada, marks_at):
    marks = short_course(game, 0, *marks_at)
    begin_race(ada)
    sail_round(ada, marks)
    assert race(ada).seconds == pytest.approx(23.7, abs=0.11)


def test_under_oars_and_sails_it_is_the_same(game, ada, bob, marks):
    """Along a straight line both are at hull speed."""
    for player in (ada, bob):
        begin_race(player)
        game.happen(races={player.key: {'left': [1]}})
    row_to(ada, *marks[1], at_once=10)
    row_to(ada, *marks[0], at_once=10)
    x, y = marks[0]
    bob.put(x=x, y=y, course=0, speed=10, at=race(bob).start, paid=race(bob).start)
    game.seconds = race(bob).start + 2.0
    bob('/location')
    bob.put(x=bob.boat.x, y=y, course=8, speed=10, at=bob.boat.at)
    game.wait(3)
    bob('/location')
    assert race(bob).seconds == pytest.approx(3.7, abs=0.01) == race(ada).seconds


def test_the_boat_pays_for_what_it_says_not_for_when_it_says_it(game, ada, marks):
    """A slow connection loses nothing but what it waits beyond the second that a boat saves."""
    begin_race(ada)
    for mark in [*range(1, 12), 0]:
        heading = 'east' if mark in range(1, 6) else 'north' if mark == 6 else 'west' if mark else 'south'
        for _ in range(4):
            game.wait(0.7)
            ada(f'/move?heading={heading}&steps=5')
    assert race(ada).seconds == pytest.approx(0.7 * 48, abs=0.8)


# --- expect ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('heading, price_s', [('east', 0.5), ('northwest', 0.5 * math.sqrt(2))])
def test_who_says_right_where_a_move_ends_pays_four_fifths(game, ada, heading, price_s):
    ada.put(x=598, y=398)
    dx, dy = mocean.HEADINGS[heading]
    for right, factor in ((True, 0.8), (False, 1)):
        game.wait(2)
        before = game.now - 1
        x, y = off((ada.boat.x, ada.boat.y), 5 * dx, 5 * dy)
        reply = ada.json(f'/move?heading={heading}&steps=5&expect={x},{(y + (not right)) % HEIGHT}')
        assert reply == {'x': x, 'y': y, 'z': 0, 'expected': right}        # where it ended, right or wrong
        assert ada.boat.paid - before == pytest.approx(price_s * factor)


@pytest.mark.parametrize('told', ['601,0', '-599,400', '(1,0)', ' 1 , 0 '])
def test_a_place_may_be_told_beyond_the_seam(ada, told):
    ada.put(x=0, y=0)
    assert ada.json(f'/move?heading=east&expect={told}')['expected'] is True


def test_without_expect_nothing_is_said_of_it(ada):
    assert 'expected' not in ada.json('/move?heading=east')
    assert ada('/move?heading=east&expect=0,0').count(',') == 2            # text stays x,y,z


def test_steps_are_capped_by_the_whole_price(ada):
    """More would be refused to who is wrong, for ever."""
    assert ada('/move?heading=east&steps=11&expect=0,0').status == 400


# --- the finish ------------------------------------------------------------------------------------------------------

def test_points_are_those_of_the_time_and_the_best_time_counts(game, ada, marks):
    reference = game.ocean.courses[0].seconds
    begin_race(ada)
    game.wait(20)
    sail_round(ada, marks)
    slow = race(ada).seconds
    points = round(mocean.COURSE_POINTS * (reference / slow) ** 2)
    assert ada.score() == points and times(game) == [['1', 'ada', f'{slow:g}', str(points)]]

    begin_race(ada)
    sail_round(ada, marks)
    fast = race(ada).seconds
    better = round(mocean.COURSE_POINTS * (reference / fast) ** 2)
    assert better > points and ada.score() == better         # the difference is paid
    assert times(game) == [['1', 'ada', f'{fast:g}', str(better)]]

    begin_race(ada)
    game.wait(5)
    reply = sail_round(ada, marks)
    assert reply['race'].startswith('course 0 in ')
    assert ada.score() == better and times(game)[0][2] == f'{fast:g}'
    assert [text.endswith('the best so far') for text in game.news()[-3:]] == [True, True, False]


def test_the_points_have_a_cap(game, ada, marks):
    game.ocean.courses[0] = game.ocean.courses[0]._replace(seconds=60.0)
    begin_race(ada)
    sail_round(ada, marks)
    assert ada.score() == mocean.MOST_COURSE_POINTS == 550


def test_the_server_s_own_tour_with_right_expects_is_worth_five_hundred(game, ada):
    sail_course(ada, expect=True)
    assert 488 <= int(times(game)[0][3]) <= 550
    assert race(ada).seconds == pytest.approx(mocean.course_of(game.ocean, 0).seconds, rel=0.05)


def test_the_table_has_the_best_first_and_ties_go_to_who_was_first(game, ada, bob, marks):
    eve = game.join('eve')
    for player, wait in ((bob, 10), (ada, 0), (eve, 0)):
        game.happen(boats={player.key: {'laurels': []}})
        begin_race(player)
        game.wait(wait)
        sail_round(player, marks)
    assert [(rank, name) for rank, name, *_ in times(game)] == [('1', 'ada'), ('2', 'eve'), ('3', 'bob')]
    assert race(ada).seconds == race(eve).seconds
    game.wait(600)
    assert times(game) == [] and len(times(game, 0)) == 3


def test_a_boat_s_best_nine_courses_count(game, ada):
    """Fourteen courses, the later ones better: what lasts a night gains little."""
    gained = []
    for number in range(14):
        game.seconds = max(game.seconds, 600.0 * number)
        marks = short_course(game, number)
        game.ocean.courses[number] = game.ocean.courses[number]._replace(seconds=8.0 + number)
        before = ada.score()
        begin_race(ada)
        sail_round(ada, marks)
        gained.append(ada.score() - before)
    points = [round(mocean.COURSE_POINTS * ((8 + number) / race(ada).seconds) ** 2) for number in range(14)]
    assert ada.score() == pytest.approx(sum(sorted(points)[-9:]), abs=9)
    assert gained[:9] == pytest.approx(points[:9], abs=1)
    assert gained[9] == pytest.approx(points[9] - points[0], abs=1)
    assert len(ada.boat.laurels) == 9


def test_old_tables_make_room(game, ada, marks):
    game.happen(laps={f'{number} eve': {'name': 'eve', 'seconds': 30, 'points': 9, 'at': 1} for number in range(3)})
    for number in (mocean.COURSES_KEPT, mocean.COURSES_KEPT + 1):
        game.seconds = 600.0 * number
        marks = short_course(game, number)
        begin_race(ada)
        sail_round(ada, marks)
    assert sorted(game.ocean.laps) == ['144 ada', '145 ada', '2 eve']


# --- its end ---------------------------------------------------------------------------------------------------------

def test_a_race_takes_six_hundred_seconds_at_most(game, ada, marks):
    begin_race(ada)
    for mark in range(1, 12):
        row_to(ada, *marks[mark])
    game.seconds = race(ada).start + 599
    row_to(ada, *off(marks[0], 0, 4))
    assert ada.json('/race')['ends_in_s'] <= 1
    game.seconds = race(ada).start + 601
    ada('/move?heading=south&steps=4')
    assert ada.score() == 0 and times(game, 0) == []
    ada.put(x=300, y=200)
    assert ada('/race').lines[0].startswith('your race in course 0 ended: its 600 seconds were over. course 1 starts')


@pytest.mark.parametrize('call, why', [
    ('/use?item=sandwich', 'its crew ate the sandwich'),
    ('/get?item=whale', 'it rode Quincy'),
    ('/teleport?x=7&y=7', 'it leapt'),
    ('/use?item=infundibulum', 'it leapt'),
    ('/dive?ctrl=f', 'it dived'),
    ('/quit?sure=yes', 'it quit')])
def test_what_ends_a_race_and_says_so(game, ada, marks, call, why):
    begin_race(ada)
    ada.put(x=100, y=100, items=['sandwich', 'teleport crystal', 'infundibulum', 'iron dust'])
    game.happen(whales={'Quincy': {'x': 100, 'y': 100, 'at': game.now, 'vx': 0, 'vy': 0}})
    ada('/use?item=iron dust')
    assert race(ada).end == ''
    assert ada.json(call)['race'] == f'your race ended: {why}'
    game.say(f'/join?name=ada&id={ada.id}')
    ada.put(x=300, y=200)
    assert ada('/race').lines[0].startswith(f'your race in course 0 ended: {why}. course 0 starts at mark 0, at ')
    ada.put(x=marks[0][0], y=marks[0][1], z=0, fast_until=0, riding='')
    assert ada('/race').status == 200                        # and begins anew


@pytest.mark.parametrize('call', ['/look', '/ping', '/use?item=fishing net', '/sendchat?name=all&message=hi', '/stop',
                                  '/accel?ctrl=w', '/location', '/get?item=treasure', '/move?heading=nroth',
                                  '/dive?ctrl=x', '/dive?ctrl=r', '/teleport?x=5&y=5'])
def test_what_ends_no_race(game, ada, marks, call):
    """Nor does what is refused."""
    begin_race(ada)
    x, y, z = game.hill('boat hook')
    ada.put(x=x, y=y, z=0, items=['fishing net'])
    assert 'race' not in ada.json(call) and ada.boat.z == 0
    assert race(ada).end == '' and ada('/race').status == 200


def test_a_refused_dive_ends_no_race(game, ada, marks):
    begin_race(ada)
    ada.put(paid=game.now + 5)
    assert ada('/dive?ctrl=f').status == 429
    assert race(ada).end == ''


def test_an_old_course_can_be_finished_after_the_next_has_begun(game, ada):
    """It scores in its own course."""
    game.seconds = 595.0
    marks = short_course(game, 0)
    short_course(game, 1, 300, 200)
    begin_race(ada)
    sail_round(ada, marks)
    assert game.now > 600
    assert len(times(game, 0)) == 1 and times(game, 1) == times(game) == []
    assert game.news()[-1].startswith('ada sailed course 0 in 23.')
    refused = ada('/race')
    assert refused.lines[0].startswith(f'you sailed course 0 in {race(ada).seconds:.2f} s. course 1 starts at mark 0')


def test_in_an_old_race_the_start_of_the_new_course_begins_a_new_one_if_one_says_so(game, ada):
    game.seconds = 590.0
    marks = short_course(game, 0)
    begin_race(ada)
    row_to(ada, *marks[1])
    game.seconds = 600.0
    new = short_course(game, 1, 300, 200)
    ada.put(x=new[0][0], y=new[0][1])
    assert ada.json('/race')['course'] == 0
    assert ada.json('/race?anew=yes')['course'] == 1


# --- a restart in the middle -----------------------------------------------------------------------------------------

def test_a_race_goes_on_after_a_restart(game, ada, again):
    """The clock of the race stands still with the sea; marks passed are passed."""
    marks = begin_race(ada)
    order = mocean.reference_tour(marks)[0]
    for mark in order[1:5]:
        row_to(ada, *marks[mark])
    before = ada('/race'), race(ada)
    again()
    assert (ada('/race'), race(ada)) == before
    for mark in [*order[5:], 0]:
        reply = row_to(ada, *marks[mark])
    cells = mocean.reference_tour(marks)[1]
    assert race(ada).seconds == pytest.approx(cells / 10, rel=0.03)
    assert reply['race'].startswith('course 0 in ')
    table, score = times(game, 0), ada.score()
    again()
    assert (times(game, 0), ada.score()) == (table, score)


def test_the_journal_tells_a_race_as_it_was(game, ada, marks):
    """Replay equals live, at each moment of a race."""
    begin_race(ada)
    for mark in [*range(1, 12), 0]:
        row_to(ada, *marks[mark])
    ada.put(speed=6, course=3, at=game.now)
    begin_race(ada)
    for _ in range(3):
        ada('/accel?ctrl=w')
        game.wait(5)
        ada('/look')
    before = game.document()
    game.crash()
    assert game.document() == before


# --- no trick gains time ---------------------------------------------------------------------------------------------

def straight(places):
    """Cells along a way from place to place."""
    return sum(mocean.distance(*here, *there) for here, there in itertools.pairwise(places))


TRICKS = [['/accel?ctrl=w'] * 5] * 4 + [['/accel?ctrl=w'], ['/accel?ctrl=a'], ['/accel?ctrl=d'], ['/stop'],
                                        ['/ping'], ['/look'], ['/location'], ['/race'], ['/popchat']]


@pytest.mark.parametrize('seed', range(12))
def test_no_mix_of_calls_gains_time_in_a_race(game, ada, marks, seed):
    """Whatever is called, whenever: the clock of the race goes on by as much as the way takes at hull speed, at least;
    where each move says right where it ends, by four fifths of that."""
    dice, expect = random.Random(seed), seed % 3 == 0
    ada.put(x=marks[0][0], y=marks[0][1])
    if seed % 2:                                             # a flying start, under sail
        ada.put(speed=10, course=0, at=game.now, x=marks[0][0] - 1, y=marks[0][1])
    assert ada('/race').status == 200
    way = [mocean.place(ada.boat, game.now)]
    for mark in [*range(1, 12), 0]:
        for _ in range(400):
            x, y = mocean.place(ada.boat, game.now)
            if mark not in race(ada).left and (mark or race(ada).seconds):
                break
            if dice.random() < 0.3:
                for call in dice.choice(TRICKS):
                    ada(call)
            else:
                heading, steps = mocean.bearing(x, y, *marks[mark]), dice.choice([1, 2, 3, 7])
                dx, dy = mocean.HEADINGS[heading]
                end = off((round(x), round(y)), dx * steps, dy * steps)
                ada(f'/move?heading={heading}&steps={steps}' + '&expect={},{}'.format(*end) * expect)
            game.wait(dice.choice([0, 0, 0, 0.01, 0.09, 0.3, 1.5]))
            way.append(mocean.place(ada.boat, game.now))
    assert race(ada).seconds, race(ada)
    cells = straight(way)
    beyond = mocean.distance(*way[-1], *marks[0])            # the last call may have gone on past the finish
    price = mocean.EXPECT_PRICE if expect else 1
    assert race(ada).seconds >= (cells - beyond - 10) / 10 * price
    assert race(ada).seconds >= (240 - 3 * 14) / 10 * price
