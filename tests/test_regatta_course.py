"""The regatta: courses, the reference tour, passing a mark, a race, its points; and a whole race in the game."""
import collections
import itertools
import math

import numpy
import pytest
from conftest import Clock, join, woken
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mocean
from mocean import (
    HEIGHT_CELLS,
    MARK_CELLS,
    MARKS,
    WIDTH_CELLS,
    Race,
    course_marks,
    course_points,
    passes_at,
    reference_tour,
    rowing_cells,
)

SEED = 0xC0FFEE_0DD_5EA
NUMBERS = range(50)
OTHERS = tuple(range(1, MARKS))


def apart(x, y, there_x, there_y):
    """Cells between two places, the planet laid out nine times: another way than the game's."""
    copies = itertools.product((-WIDTH_CELLS, 0, WIDTH_CELLS), (-HEIGHT_CELLS, 0, HEIGHT_CELLS))
    return min(math.hypot(there_x + east - x, there_y + north - y) for east, north in copies)


def reference_seconds(cells):
    """What a tour takes a boat that always tells beforehand where its moves will end."""
    return 0.8 * cells / 10


def on_planet(x, y):
    return x % WIDTH_CELLS, y % HEIGHT_CELLS


# --- courses --------------------------------------------------------------------------------------

@pytest.mark.parametrize('number', [*NUMBERS, 10**6])
def test_a_course_has_twelve_marks_far_enough_apart(number):
    marks = course_marks(SEED, number)
    assert len(marks) == 12
    for x, y in marks:
        assert type(x) is type(y) is int and 0 <= x < WIDTH_CELLS and 0 <= y < HEIGHT_CELLS
    assert all(apart(*mark, *other) >= 20 for mark, other in itertools.combinations(marks, 2))


def test_a_course_is_the_same_whenever_and_wherever_somebody_asks():
    assert course_marks(7, 0) == course_marks(7, 0) == (
        (384, 222), (13, 154), (164, 95), (174, 259), (498, 342), (304, 243),
        (497, 77), (445, 361), (0, 84), (491, 396), (167, 363), (387, 386))


def test_no_course_resembles_another_not_even_that_of_a_neighbouring_seed():
    courses = [course_marks(seed, number) for seed in (SEED, SEED + 1) for number in NUMBERS]
    places = [mark for marks in courses for mark in marks]
    assert len(set(places)) > 0.99 * len(places)         # of 240,000 cells a few come twice
    quarters = [(x // 300, y // 200) for x, y in places]
    assert all(0.2 < quarters.count(quarter) / len(places) < 0.3 for quarter in set(quarters))


@pytest.mark.parametrize('now, number, ends_in', [
    (0, 0, 600), (0.5, 0, 599.5), (599.99, 0, 0.01), (600, 1, 600), (10_203.5, 17, 596.5)])
def test_every_ten_minutes_have_their_own_course(tmp_path, now, number, ends_in):
    clock = Clock()
    with woken(tmp_path, clock=clock) as say:
        say('/health')
        clock.now += now
        course = say('/course?format=json').json()
        assert (course['course'], course['ends_in_s']) == (number, pytest.approx(ends_in))
        assert say(f'/course?course={number}') == say('/course')


# --- the tour -------------------------------------------------------------------------------------

@pytest.mark.parametrize('way, cells', [
    ((0, 0, 10, 0), 10), ((0, 0, 10, 10), 14.142), ((0, 0, 10, -4), 6 + 5.657), ((5, 5, 5, 5), 0),
    ((595, 200, 5, 200), 10), ((300, 395, 300, 5), 10), ((599, 399, 0, 0), 1.414),
    ((0, 0, 300, 200), 100 + 282.843)])
def test_a_boat_rows_diagonally_as_far_as_that_helps(way, cells):
    assert rowing_cells(*way) == pytest.approx(cells, abs=0.001)
    assert rowing_cells(*way[2:], *way[:2]) == rowing_cells(*way)


def exact_cells(courses):
    """The shortest tour of each course in cells, by trying all of them (Held and Karp).

    reached[course, visited, mark]: the shortest way from mark 0 through the visited ones, a bit
    each, that ends at this mark. All courses at once, mark 0 left out of the bits.
    """
    ways = numpy.array([[[rowing_cells(*here, *there) for there in marks] for here in marks]
                        for marks in courses])
    others = MARKS - 1
    reached = numpy.full((len(courses), 1 << others, others), numpy.inf)
    for mark in range(others):
        reached[:, 1 << mark, mark] = ways[:, 0, mark + 1]
    for visited in range(1, 1 << others):
        onward = (reached[:, visited, :, None] + ways[:, 1:, 1:]).min(axis=1)
        for mark in range(others):
            if not visited >> mark & 1:
                there = reached[:, visited | 1 << mark, mark]
                numpy.minimum(there, onward[:, mark], out=there)
    return (reached[:, -1, :] + ways[:, 1:, 0]).min(axis=1)


def test_the_exact_tour_of_marks_on_a_ring_is_the_ring():
    ring = [(50 * number, 7) for number in range(12)]
    shuffled = [ring[number * 5 % 12] for number in range(12)]
    assert exact_cells([ring, shuffled]).tolist() == [600, 600]


def test_the_servers_own_tour_is_within_a_hundredth_of_the_best():
    courses = [course_marks(SEED, number) for number in range(200)]
    ratios = numpy.array([reference_tour(marks)[1] for marks in courses]) / exact_cells(courses)
    assert ratios.min() > 1 - 1e-9                           # the exact one is exact
    assert ratios.max() < 1.01
    assert ratios.mean() < 1.001


@pytest.mark.parametrize('number', NUMBERS[:10])
def test_the_servers_own_tour_visits_each_mark_once_and_is_as_long_as_it_says(number):
    marks = course_marks(SEED, number)
    order, cells = reference_tour(marks)
    assert order[0] == 0 and sorted(order) == list(range(12))
    ways = [rowing_cells(*marks[a], *marks[b]) for a, b in itertools.pairwise([*order, 0])]
    assert cells == pytest.approx(sum(ways))
    assert reference_tour(marks) == (order, cells)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 599), st.integers(0, 399))
def test_the_tour_does_not_know_where_the_seams_are(number, east, north):
    marks = course_marks(SEED, number)
    moved = [on_planet(x + east, y + north) for x, y in marks]
    assert reference_tour(moved)[0] == reference_tour(marks)[0]
    assert reference_tour(moved)[1] == pytest.approx(reference_tour(marks)[1])


def test_the_reference_is_rowed_with_every_end_told_beforehand():
    ocean = mocean.Ocean()
    mocean.merge(ocean, mocean.new_planet(SEED, 0))
    course = mocean.course_of(ocean, 17)
    assert course == mocean.Course(17, course_marks(SEED, 17), reference_seconds(reference_tour(course.marks)[1]))
    assert reference_seconds(1250) == 100


# --- passing a mark -------------------------------------------------------------------------------

def quarters(first, last):
    """Numbers between the two in quarters of a cell, in which sums and products are exact."""
    return st.integers(4 * first, 4 * last).map(lambda number: number / 4)


FEW = quarters(-30, 30)
ANYWHERE = st.tuples(quarters(0, WIDTH_CELLS - 1), quarters(0, HEIGHT_CELLS - 1))


def leg_of(start, dx, dy):
    return *start, *on_planet(start[0] + dx, start[1] + dy)


@pytest.mark.parametrize('leg, mark, part', [
    ((100, 100, 110, 100), (108, 100), 0.5),           # right through: from three cells before it
    ((100, 100, 110, 100), (105, 103), 0.5),           # three cells beside it
    ((100, 100, 110, 100), (105, 104), None),          # four
    ((100, 100, 110, 100), (113, 100), 1),             # ends three cells before it
    ((100, 100, 110, 100), (114, 100), None),
    ((100, 100, 110, 100), (97, 100), 0),              # begins three cells behind it
    ((100, 100, 110, 100), (96, 100), None),
    ((100, 100, 100, 100), (100, 103), 0),             # stays where it is
    ((100, 100, 100, 100), (100, 104), None),
    ((100, 100, 107, 107), (104, 101), 1 / 7),         # diagonally: from 101,101
    ((598, 200, 8, 200), (6, 200), 0.5),               # over the eastern seam
    ((8, 200, 598, 200), (0, 200), 0.5),               # and back
    ((300, 398, 300, 8), (300, 6), 0.5),               # over the northern seam
    ((300, 8, 300, 398), (300, 0), 0.5),               # and back
    ((597, 397, 7, 7), (2, 2), (5 - 3 / math.sqrt(2)) / 10),     # over both, in the corner
    ((7, 397, 597, 7), (2, 2), (5 - 3 / math.sqrt(2)) / 10),
    ((590, 200, 596, 200), (0, 200), None),            # four before a mark behind the seam
    ((590, 200, 597, 200), (0, 200), 1),
])
def test_a_leg_passes_a_mark_within_three_cells(leg, mark, part):
    assert passes_at(*leg, *mark) == (None if part is None else pytest.approx(part))


@given(ANYWHERE, FEW, FEW, FEW, FEW)
def test_passing_is_what_one_sees_looking_at_every_moment(start, dx, dy, mark_dx, mark_dy):
    mark = on_planet(start[0] + mark_dx, start[1] + mark_dy)
    part = passes_at(*leg_of(start, dx, dy), *mark)

    def away(part):
        return apart(*on_planet(start[0] + part * dx, start[1] + part * dy), *mark)
    if part is not None:
        assert 0 <= part <= 1 and away(part) <= MARK_CELLS + 1e-9
    earlier = numpy.linspace(0, 1 if part is None else part, 300)[:-1]
    assert part == 0 or min(away(part) for part in earlier) >= MARK_CELLS - 1e-9
    assert part is not None or away(1) > MARK_CELLS


@given(ANYWHERE, FEW, FEW, FEW, FEW, ANYWHERE)
def test_passing_does_not_know_where_the_seams_are(start, dx, dy, mark_dx, mark_dy, elsewhere):
    here, there = [passes_at(*leg_of(at, dx, dy), *on_planet(at[0] + mark_dx, at[1] + mark_dy))
                   for at in (start, elsewhere)]
    assert here == there


@given(ANYWHERE, st.floats(-190, 190), st.floats(-190, 190), ANYWHERE)
def test_any_leg_and_any_mark_have_an_answer(start, dx, dy, mark):
    if math.hypot(dx, dy) < 190:
        part = passes_at(*leg_of(start, dx, dy), *mark)
        assert part is None or 0 <= part <= 1


# --- a race ---------------------------------------------------------------------------------------

def straight(number):
    """Marks in a row from 0,200 eastward, ten cells apart, so that one leg can pass several."""
    return (10 * number, 200)


ROW = tuple(straight(number) for number in range(MARKS))
OCEAN = mocean.Ocean()
mocean.merge(OCEAN, {'boats': {'ada': mocean.Boat('ada', 'k7p2m3qx', 0, 0)}})


def begun(start, left=OTHERS):
    return Race(0, start, left)


def sail(race, marks, leg, began, ended):
    """The race after this leg (x0, y0, x1, y1), which the boat began and ended at these moments: as the game has it."""
    OCEAN.courses[race.course] = mocean.Course(race.course, marks, 100.0)
    OCEAN.races['ada'] = race
    turn = mocean.Turn(OCEAN, ended, 0, key='ada', calls=collections.defaultdict(mocean.Traffic))
    mocean.pass_marks(turn, [leg[:2], leg[2:]], began, ended)
    return turn.row('races', 'ada')


def over(race):
    return bool(race.seconds or race.end)


def test_a_leg_far_from_all_marks_changes_nothing():
    race = begun(100)
    assert sail(race, ROW, (300, 10, 307, 17), 100, 101) is race


def test_marks_count_in_any_order():
    race = begun(100)
    for mark in (7, 3, 11):
        x, y = ROW[mark]
        race = sail(race, ROW, (x, y + 5, x, y), 100, 100.5)
    assert race.left == (1, 2, 4, 5, 6, 8, 9, 10)


def test_a_mark_passed_twice_is_passed():
    race = begun(100)
    for _ in range(2):
        race = sail(race, ROW, (50, 195, 50, 205), 100, 101)
    assert race.left == (1, 2, 3, 4, 6, 7, 8, 9, 10, 11)


def test_a_mark_between_two_calls_is_passed():
    race = sail(begun(0), ROW, (46, 197, 54, 197), 10, 11)
    assert race.left == (1, 2, 3, 4, 6, 7, 8, 9, 10, 11)


def test_one_leg_may_pass_many():
    assert sail(begun(0), ROW, (4, 200, 96, 200), 10, 19.2).left == (10, 11)


def test_the_start_passed_before_the_others_finishes_nothing():
    race = begun(0, (5,))
    assert sail(race, ROW, (0, 190, 0, 210), 10, 12) is race


def test_the_clock_stops_within_reach_of_the_start_by_itself():
    race = sail(begun(100, ()), ROW, (0, 190, 0, 198), began=150, ended=150.8)
    assert race.seconds == 50.7                      # seven of the eight cells: three from the mark


def test_a_boat_that_is_at_the_start_already_is_home():
    """The last mark was passed on the leg before, with mark 0 in reach of its end."""
    assert sail(begun(100, ()), ROW, (0, 198, 0, 197), 150, 150.1).seconds == 50


def test_the_last_mark_and_the_start_on_one_leg_in_this_order_finish():
    race = sail(begun(100, (1,)), ROW, (20, 200, 0, 200), began=150, ended=152)
    assert race.left == () and race.seconds == 51.7       # 17 of 20 cells


def test_the_start_before_the_last_mark_on_one_leg_does_not_finish():
    race = sail(begun(100, (1,)), ROW, (590, 200, 10, 200), 150, 152)
    assert race.left == () and not over(race)
    assert sail(race, ROW, (10, 200, 0, 200), 152, 153).seconds == 52.7


def test_the_start_between_the_last_two_marks_on_one_leg_does_not_finish():
    marks = ((20, 200), (10, 200), (30, 200))
    race = sail(begun(100, (1, 2)), marks, (0, 200, 40, 200), 150, 154)
    assert race.left == () and not over(race)


def test_the_last_mark_and_the_start_on_one_leg_over_both_seams():
    marks = ((4, 4), (594, 394))
    race = sail(begun(100, (1,)), marks, (590, 390, 5, 5), began=150, ended=165)
    assert race.seconds == pytest.approx(64 - MARK_CELLS / math.sqrt(2), abs=0.005)


def test_the_finish_over_the_corner_of_the_planet():
    marks = ((1, 1), *ROW[1:])
    cells = math.hypot(6, 6)
    race = sail(begun(0, ()), marks, (595, 395, 1, 1), began=10, ended=10 + cells)
    assert race.seconds == pytest.approx(10 + cells - MARK_CELLS, abs=0.005)


def test_a_finished_race_stays_as_it_is():
    race = sail(begun(100, ()), ROW, (0, 190, 0, 198), 150, 150.8)
    assert sail(race, ROW, (0, 190, 0, 198), 160, 160.8) is race


@pytest.mark.parametrize('seconds, finishes', [(599.99, True), (600, True), (600.01, False)])
def test_a_race_may_finish_within_ten_minutes_of_its_start(seconds, finishes):
    """The clock would stop in the middle of this leg of six cells."""
    middle = 1024 + seconds
    race = sail(begun(1024, ()), ROW, (0, 194, 0, 200), middle - 0.5, middle + 0.5)
    assert bool(race.seconds) == finishes and bool(race.end) == (not finishes)


def test_too_late_is_over():
    race = begun(100, (3,))
    leg = (30, 190, 30, 200)
    assert sail(race, ROW, leg, 700, 701).left == ()
    late = sail(race, ROW, leg, 700.01, 701)
    assert late.left == (3,) and late.end == 'its 600 seconds were over'
    assert sail(late, ROW, leg, 701, 702) is late


HEADINGS = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0)]
NEARBY = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=5)


@given(ANYWHERE, st.sampled_from(HEADINGS), st.integers(1, 30), NEARBY)
@example((0, 0), (1, 1), 20, [(20, 17), (3, 0), (10, 10)])       # 1 and 2 passed, and home
@example((0, 0), (1, 1), 20, [(3, 0), (20, 17)])                 # home came before mark 1
@example((590, 390), (1, 1), 20, [(20, 17), (3, 0)])             # over both seams
def test_ten_cells_at_once_are_ten_times_one(start, heading, cells, nearby):
    """Also: a race does not care how its way was cut into legs."""
    marks = [on_planet(start[0] + dx, start[1] + dy) for dx, dy in nearby]
    race = begun(0, tuple(range(1, len(marks))))
    dx, dy = heading
    at_once = sail(race, marks, leg_of(start, cells * dx, cells * dy), 10, 10 + cells)
    at = start
    for cell in range(cells):
        leg = leg_of(at, dx, dy)
        race, at = sail(race, marks, leg, 10 + cell, 11 + cell), leg[2:]
    assert race.left == at_once.left
    assert race.seconds == pytest.approx(at_once.seconds, abs=0.011)


def way(x, y, there_x, there_y, most):
    """The legs, of at most so many cells, that lead from one place to another as a boat rows."""
    dx = int(mocean.gap(x, there_x, WIDTH_CELLS))
    dy = int(mocean.gap(y, there_y, HEIGHT_CELLS))
    while dx or dy:
        east, north = (dx > 0) - (dx < 0), (dy > 0) - (dy < 0)
        cells = min(most, min(abs(dx), abs(dy)) or max(abs(dx), abs(dy)))
        leg = leg_of((x, y), cells * east, cells * north)
        yield leg, cells * math.hypot(east, north)
        x, y = leg[2:]
        dx, dy = dx - cells * east, dy - cells * north


def race_round(marks, order, most=10, price=1.0):
    """A whole race from mark 0 in this order, at full speed."""
    now, race = 1000.0, begun(1000.0)
    for here, there in itertools.pairwise([*order, order[0]]):
        for leg, cells in way(*marks[here], *marks[there], most):
            ended = now + price * cells / mocean.HULL_CELLS_PER_S
            race, now = sail(race, marks, leg, now, ended), ended
    return race


@pytest.mark.parametrize('number', NUMBERS[:10])
@pytest.mark.parametrize('most', [1, 10])
def test_who_rows_the_servers_own_tour_gets_the_points_for_it(number, most):
    marks = course_marks(SEED, number)
    order, cells = reference_tour(marks)
    reference_s = reference_seconds(cells)
    race = race_round(marks, order, most, price=mocean.EXPECT_PRICE)
    assert 0 < reference_s - race.seconds < 0.5              # home is where mark 0 is within reach
    assert 500 <= course_points(reference_s, race.seconds) <= 510
    plain = race_round(marks, order, most)
    assert 318 <= course_points(reference_s, plain.seconds) <= 328
    assert race_round(marks, tuple(reversed(order)), most).left == ()


# --- the same in the game -------------------------------------------------------------------------

class Rower:
    """A boat that rows as fast as it can, on a clock that the test winds: no answer has to wait."""

    def __init__(self, say, clock, foresees):
        self.say, self.clock, self.foresees = say, clock, foresees
        self.id = join(say)
        self.x, self.y = map(int, say(f'/location?id={self.id}').split(',')[:2])

    def row(self, there):
        """To a place. Returns what the game said besides on the way: quests, a course finished."""
        said = []
        for leg, cells in way(self.x, self.y, *there, most=7):
            x, y = leg[2:]
            price = cells / mocean.HULL_CELLS_PER_S
            self.clock.now += price * mocean.EXPECT_PRICE if self.foresees else price
            east, north = mocean.gap(self.x, x, WIDTH_CELLS), mocean.gap(self.y, y, HEIGHT_CELLS)
            heading = mocean.bearing(self.x, self.y, x, y)
            expect = f'&expect={x},{y}' if self.foresees else ''
            steps = max(abs(int(east)), abs(int(north)))
            reply = self.say(f'/move?id={self.id}&heading={heading}&steps={steps}{expect}&format=json').json()
            assert (reply['x'], reply['y'], reply.get('expected', True)) == (x, y, True), reply
            self.x, self.y = x, y
            said.append(reply)
        return said


@pytest.mark.parametrize('foresees, least, most', [(True, 500, 510), (False, 318, 328)])
def test_who_rows_the_servers_own_tour_in_the_game_gets_these_points(tmp_path, foresees, least, most):
    clock = Clock()
    with woken(tmp_path, clock=clock) as say:
        boat = Rower(say, clock, foresees)
        ocean = say.app.sea.ocean
        marks = [tuple(map(int, line.split(',')[1:])) for line in say('/course').lines]
        order, cells = reference_tour(marks)
        boat.row(marks[0])
        clock.now += 0.1
        assert say(f'/race?id={boat.id}').split(',')[3] == ' '.join(map(str, OTHERS))
        assert ocean.courses[0].seconds == reference_seconds(cells)
        said = [reply for mark in [*order[1:], 0] for reply in boat.row(marks[mark])]
        rank, name, seconds, points = say('/regatta').split(',')
        assert (rank, name) == ('1', 'ada') and least <= int(points) <= most
        assert float(seconds) == pytest.approx(reference_seconds(cells) * (1 if foresees else 1.25), abs=0.6)
        assert [reply['race'] for reply in said if 'race' in reply] == [
            f'course 0 in {float(seconds):.2f} s: {points} points']
        table = say('/regatta')                    # what comes behind the finish changes nothing
        for place in (marks[order[1]], marks[0]):
            boat.row(place)
        assert say('/regatta') == table


# --- points ---------------------------------------------------------------------------------------

@pytest.mark.parametrize('seconds, earned', [
    (100, 500), (125, 320), (200, 125), (50, 550), (95.35, 550), (96, 543), (600, 14), (10_000, 0)])
def test_points_fall_with_the_square_of_the_time(seconds, earned):
    assert course_points(100, seconds) == earned


@given(st.floats(50, 200), st.floats(10, 600), st.floats(10, 600))
def test_a_better_time_never_earns_less(reference_s, one, other):
    better, worse = sorted([one, other])
    assert 550 >= course_points(reference_s, better) >= course_points(reference_s, worse) >= 0


def boat_after(courses):
    """A boat that has sailed these courses: (number, points), ..."""
    turn = mocean.Turn(OCEAN, 0, 0, key='ada', calls=collections.defaultdict(mocean.Traffic))
    for number, points in courses:
        mocean.win_laurels(turn, number, points)
    return turn.boat


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 550)), max_size=40))
def test_a_boats_best_nine_courses_count_each_with_its_best_time(courses):
    best = {number: max(points for other, points in courses if other == number) for number, _ in courses}
    boat = boat_after(courses)
    assert boat.score == sum(sorted(best.values(), reverse=True)[:9])
    assert boat.score == sum(points for _, points in boat.laurels) and len(boat.laurels) <= 9


def test_a_better_time_pays_the_difference_and_a_worse_one_nothing():
    assert boat_after([(3, 100), (3, 120), (3, 90)]).score == 120
    assert boat_after([(number, 10) for number in range(9)] + [(20, 200), (21, 5)]).score == 200 + 8 * 10


def test_the_numbers_of_the_regatta():
    assert (mocean.COURSE_S, mocean.FINISH_S) == (600, 600)
    assert (MARKS, mocean.MARK_GAP_CELLS, MARK_CELLS) == (12, 20, 3)
    assert (mocean.COURSE_POINTS, mocean.MOST_COURSE_POINTS, mocean.LAURELS_KEPT) == (500, 550, 9)
    assert (mocean.EXPECT_PRICE, mocean.HULL_CELLS_PER_S) == (0.8, 10)
