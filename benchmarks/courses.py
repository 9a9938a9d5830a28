"""What a better order is worth: programs of growing wit sail the same courses of the regatta.

    python benchmarks/courses.py [--courses 150] [--seed 1]            half a minute

Each program rows at full speed from mark 0 through its own order and back, in legs as `/move` makes them, through
the rules of the regatta. Printed are its times over the time of the server's own tour, both with every `expect`
right, and its points, without any `expect` and with all of them right.
"""
import argparse
import math
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import mocean  # noqa: E402
from mocean import HEIGHT_CELLS, MARK_CELLS, MARKS, WIDTH_CELLS  # noqa: E402

STEPS = 10                               # cells in one call, at the most
NUMBERS = range(-MARK_CELLS, MARK_CELLS + 1)
REACH = [(dx, dy) for dx in NUMBERS for dy in NUMBERS if math.hypot(dx, dy) <= MARK_CELLS]


def round_gap(start, end, size):
    return int(mocean.gap(start, end, size))


def expected_seconds(cells):
    """What so many cells take a boat that always says right where its moves will end."""
    return mocean.EXPECT_PRICE * cells / mocean.HULL_CELLS_PER_S


def flat_gap(start, end, size):
    """The way of a program that does not know that the ocean has no edge."""
    return end - start


# --- orders: marks -> the numbers of the marks ------------------------------------------------------------------------

def given(marks, gap):
    return range(MARKS)


def nearest(marks, gap):
    """From mark 0 always on to the nearest one."""
    def cells(here, there):
        dx = abs(gap(here[0], there[0], WIDTH_CELLS))
        dy = abs(gap(here[1], there[1], HEIGHT_CELLS))
        return max(dx, dy) + (mocean.DIAGONAL - 1) * min(dx, dy)
    return mocean.nearest_tour(0, [[cells(here, there) for there in marks] for here in marks])


def uncrossed(marks, gap):
    """The same, untangled: 2-opt as a student writes it."""
    ways = [[mocean.rowing_cells(*here, *there) for there in marks] for here in marks]
    tour = mocean.untangle(nearest(marks, gap), ways)
    home = tour.index(0)
    return tour[home:] + tour[:home]


def best(marks, gap):
    return mocean.reference_tour(marks)[0]


# --- races: marks, an order -> seconds, with every `expect` right -----------------------------------------------------

def row(x, y, there, gap, most):
    """The legs that lead to a mark: diagonally as far as that helps, then straight. Each with its length."""
    dx, dy = gap(x, there[0], WIDTH_CELLS), gap(y, there[1], HEIGHT_CELLS)
    while dx or dy:
        east, north = (dx > 0) - (dx < 0), (dy > 0) - (dy < 0)
        steps = min(most, min(abs(dx), abs(dy)) or max(abs(dx), abs(dy)))
        end = (x + steps * east) % WIDTH_CELLS, (y + steps * north) % HEIGHT_CELLS
        yield (x, y, *end), steps * math.hypot(east, north)
        x, y = end
        dx, dy = dx - steps * east, dy - steps * north


def seconds(marks, order, gap, most=STEPS, early=False):
    """A whole race. Who turns early leaves for the next mark as soon as one is passed."""
    race, now, (x, y) = mocean.Race(0, 0.0, tuple(range(1, MARKS))), 0.0, marks[0]
    for mark in [*order[1:], 0]:
        for leg, cells in row(x, y, marks[mark], gap, most):
            ended = now + expected_seconds(cells)
            race, now, (x, y) = mocean.race_after(race, marks, leg, now, ended), ended, leg[2:]
            if race.seconds:
                return race.seconds
            if early and mark and mark not in race.left:
                break
    return math.inf                      # too late: see FINISH_S


def rowed(marks, order, gap):
    return seconds(marks, order, gap)


def turned_early(marks, order, gap):
    return seconds(marks, order, gap, most=1, early=True)


def shaved(marks, order, gap):
    """As fast as this order can be: of the cells within reach of each mark, the best ones."""
    reached = {place: 0 for place in near(marks[0])}
    for mark in [*order[1:], 0]:
        reached = {place: min(cells + mocean.rowing_cells(*before, *place) for before, cells in reached.items())
                   for place in near(marks[mark])}
    return expected_seconds(min(reached.values()))


def near(mark):
    return [((mark[0] + dx) % WIDTH_CELLS, (mark[1] + dy) % HEIGHT_CELLS) for dx, dy in REACH]


# --- the table --------------------------------------------------------------------------------------------------------

PROGRAMS = {
    'the order given, seams not seen': (given, flat_gap, rowed),
    'the order given': (given, round_gap, rowed),
    'the nearest mark, seams not seen': (nearest, flat_gap, rowed),
    'the nearest mark': (nearest, round_gap, rowed),
    'the nearest mark, then 2-opt': (uncrossed, round_gap, rowed),
    "the server's own tour": (best, round_gap, rowed),
    'the same, turning where a mark is passed': (best, round_gap, turned_early),
    'the same, corners shaved as well as can be': (best, round_gap, shaved),
}


def measure(program, courses):
    """Time over reference, points without and with `expect`, of each course."""
    order, gap, sailed = program
    for marks, reference_s in courses:
        race_s = sailed(marks, order(marks, gap), gap)
        plain_s = race_s / mocean.EXPECT_PRICE
        too_late = plain_s > mocean.FINISH_S
        yield (race_s / reference_s, 0 if too_late else mocean.course_points(reference_s, plain_s),
               mocean.course_points(reference_s, race_s))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--courses', type=int, default=150)
    parser.add_argument('--seed', type=int, default=1)
    arguments = parser.parse_args()
    marks = [mocean.course_marks(arguments.seed, number) for number in range(arguments.courses)]
    tours = [mocean.reference_tour(course)[1] for course in marks]
    courses = [(course, expected_seconds(cells)) for course, cells in zip(marks, tours, strict=True)]
    print(f'{len(courses)} courses; the tour is {statistics.mean(tours):.0f} cells on average, '
          f'from {min(tours):.0f} to {max(tours):.0f}')
    print(f'{"time over reference":>62}{"points without / with expect":>34}')
    print(f'{"":44}{"mean":>6}{"best":>6}{"worst":>6}{"mean":>18}{"most":>16}')
    for name, program in PROGRAMS.items():
        times, plain, told = zip(*measure(program, courses), strict=True)
        print(f'{name:44}{statistics.mean(times):6.2f}{min(times):6.2f}{max(times):6.2f}'
              f'{statistics.mean(plain):12.0f} /{statistics.mean(told):4.0f}{max(plain):10} /{max(told):4}')


if __name__ == '__main__':
    main()
